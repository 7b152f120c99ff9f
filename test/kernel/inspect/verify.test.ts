import { spawnSync } from 'node:child_process'
import { featureSince } from '../../../src/abi/feature-since.ts'
import { call } from '../../../src/asm/calls.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { verifyObject, verifyProgram } from '../../../src/inspect/verify.ts'
import { haveHelper } from '../../../src/kernel/probes/have-helper.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { runCli } from '../../support/cli/process.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { bloomFilters } from '../../support/maps/features.ts'
import { objectPath, objectSpec } from '../../support/objects.ts'
import { bpfLoop, lacking, since } from '../../support/programs/features.ts'

/** The verifier counts states and time. */
const statistics = since(featureSince.verifierStatistics, 'Statistics of the verifier')

/** Instructions that the verifier went through, by program, when bpftool loads an object. */
function countsOfBpftool(object: string): Map<string, number> {
  using directory = temporaryBpffs()
  const args = ['-d', 'prog', 'loadall', objectPath(object), `${directory.path}/all`]
  const { stderr, stdout, error } = spawnSync('bpftool', args, { encoding: 'utf8', maxBuffer: 1 << 28 })
  if (error !== undefined) throw error
  const counts = new Map<string, number>()
  const logs = `${stdout}${stderr}`.split("libbpf: prog '")
  for (const log of logs) {
    const name = /^(\w+)': -- BEGIN PROG LOAD LOG --/.exec(log)?.[1]
    const count = /^processed (\d+) insns/m.exec(log)?.[1]
    if (name !== undefined && count !== undefined) counts.set(name, Number(count))
  }
  return counts
}

for (const [object, ...needs] of [
  ['core'],
  ['functions'],
  ['maps'],
  ['events'],
  ['recent', bloomFilters],
] as const) {
  kernelTest(
    `programs of ${object} get the verdict, and as many instructions, as from bpftool`,
    ['bpftool', ...needs],
    t => {
      const expected = countsOfBpftool(object)
      const verdicts = [...verifyObject(objectSpec(object))]
      for (const { program, verdict, statistics } of verdicts) {
        const count = expected.get(program)
        if (count === undefined || verdict === 'failure') continue
        t.is(statistics?.instructions, count, program)
      }
      const loaded = verdicts.filter(each => each.verdict === 'success').map(each => each.program)
      for (const name of expected.keys()) t.true(loaded.includes(name), `${name} is loaded by bpftool`)
    },
  )
}

/** Programs that every verifier refuses, with the cause; kernels find some of these in other ways. */
const refused: readonly (readonly [program: string, cause: RegExp])[] = [
  ['unchecked_lookup', /^a pointer \(\w+_or_null\) is used before it was compared with NULL$/],
  ['endless_loop', /^it has a loop that does not end: each round begins as the one before$/],
  ['unreleased_record', /^it ends, on one way at least, without giving back what it acquired/],
  [
    'outside_context',
    /^programs of type socket_filter may not access 4 bytes at offset 4096 of their context$/,
  ],
  ['stack_out_of_bounds', /^it reaches stack that it does not have, or did not write before$/],
  ['unbounded_index', /^an index (into the stack|or a length) is not checked against its bounds/],
  ['uninitialised_register', /^it reads register r5, which it did not write on every way there$/],
]

for (const [program, cause] of refused) {
  kernelTest(`the refusal of ${program} is explained`, [], t => {
    const { verdict, refusal, section } = verifyProgram(objectSpec('broken'), program)
    t.is(verdict, 'failure')
    t.is(section, '?socket')
    t.true(refusal!.byVerifier)
    t.regex(refusal!.cause ?? '', cause, refusal!.log)
    t.regex(refusal!.source ?? '', /broken\.bpf\.c:\d+/)
    t.true(refusal!.excerpt.length > 0 && refusal!.excerpt.length <= 12)
    t.false(refusal!.excerpt.some(line => line.startsWith('processed ')))
  })
}

kernelTest('a helper for GPL programs is named, with the license', [], t => {
  const { refusal } = verifyProgram(objectSpec('proprietary'), 'restricted')
  t.is(
    refusal!.cause,
    'the helper bpf_get_current_task is for programs with a license that is compatible with the GPL, and this one\'s is "Proprietary"',
  )
})

kernelTest('a field that the kernel lacks is named', [], t => {
  const { refusal } = verifyProgram(objectSpec('core'), 'unguarded_access')
  t.regex(
    refusal!.cause!,
    /^it needs field_byte_offset of struct task_struct___missing\.does_not_exist, but /,
  )
})

kernelTest('a helper that the kernel lacks is named, with its first release', [lacking(bpfLoop)], t => {
  t.is(haveHelper('socket_filter', 'loop'), 'no')
  const spec = new CollectionSpec({
    programs: [['p', { name: 'p', type: 'socket_filter', instructions: [call('loop'), exit()] }]],
  })
  t.is(
    verifyProgram(spec, 'p').refusal!.cause,
    'the kernel has no helper bpf_loop, which came with Linux 5.17',
  )
})

kernelTest('what comes not so far as to the verifier is a refusal too', [], t => {
  const spec = new CollectionSpec({
    programs: [['p', { name: 'p', type: 'socket_filter', instructions: [exit()] }]],
    maps: [['m', { name: 'm', type: 4095, keySize: 4, valueSize: 4, maxEntries: 1 }]],
  })
  const { verdict, refusal } = verifyProgram(spec, 'p')
  t.is(verdict, 'failure')
  t.like(refusal, { byVerifier: false, cause: null, excerpt: [] })
  t.regex(refusal!.message, /^Cannot create map m/)
})

kernelTest('a function to attach to that the kernel lacks is the cause', [], t => {
  const spec = objectSpec('sections')
  const program = spec.programs.get('on_fentry')
  program.attachTarget = 'no_such_function'
  const { refusal } = verifyProgram(spec, 'on_fentry')
  t.false(refusal!.byVerifier)
  t.regex(refusal!.cause!, /^the kernel's BTF has no func no_such_function/)
})

kernelTest('verified programs leave the spec as it is, and nothing in the kernel', [statistics], t => {
  const spec = objectSpec('functions')
  const verdicts = [...verifyObject(spec)]
  t.deepEqual(
    verdicts.map(each => each.verdict),
    verdicts.map(() => 'success'),
  )
  for (const { statistics } of verdicts) t.true(statistics!.instructions > 0)
  t.false(spec.programs.get('optional').autoload)
})

kernelTest('ebpf-ts verify prints verdicts, and exits with 1 when a program is refused', [], t => {
  const run = (...args: string[]) => runCli(['verify', ...args])
  const good = run(objectPath('functions'))
  t.is(good.code, 0, good.stderr)
  t.regex(good.stdout, /^functions\.bpf\.o +second +success +\d+ +\d+ +\d+ +\d+$/m)
  const bad = run(objectPath('broken'), '--csv')
  t.is(bad.code, 1)
  t.regex(
    bad.stdout,
    /^file_name,prog_name,verdict,duration,total_insns,total_states,peak_states\nbroken\.bpf\.o,valid,success,\d+,2,0,0\nbroken\.bpf\.o,unchecked_lookup,failure,/,
  )
  const text = run(objectPath('broken')).stdout
  t.regex(
    text,
    /^broken\.bpf\.o: uninitialised_register: it reads register r5, .*\n {2}at .*broken\.bpf\.c:\d+: .*\n {4}/m,
  )
  const json = JSON.parse(run(objectPath('broken'), '--json').stdout) as {
    version: number
    programs: { program: string; refusal: { cause: string; log?: string } | null }[]
  }
  t.is(json.version, 1)
  t.like(json.programs[0], { program: 'valid', refusal: null })
  t.is(json.programs[1]!.refusal!.log, undefined)
})
