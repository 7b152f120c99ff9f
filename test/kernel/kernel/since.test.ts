import { spawnSync } from 'node:child_process'
import { release } from 'node:os'
import type { ExecutionContext } from 'ava'
import {
  attachTypes,
  type Helper,
  helpers,
  linkTypes,
  type MapType,
  mapTypes,
  type ProgramType,
  programTypes,
} from '../../../src/abi/generated/enums.ts'
import { helperSince } from '../../../src/abi/helper-since.ts'
import {
  attachTypeSince,
  type LinuxRelease,
  linkTypeSince,
  mapTypeSince,
  programTypeSince,
} from '../../../src/abi/since.ts'
import { kernelBtf } from '../../../src/kernel/btf.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { haveHelper, knowsHelper } from '../../../src/kernel/probes/have-helper.ts'
import { haveMapType } from '../../../src/kernel/probes/have-map-type.ts'
import { haveProgramType } from '../../../src/kernel/probes/have-program-type.ts'
import type { ProbeAnswer } from '../../../src/kernel/probes/probe.ts'
import { isAtLeast } from '../../../src/kernel/version.ts'
import { isExcused } from '../../support/kernel/exceptions.ts'
import { kernelTest } from '../../support/kernel-test.ts'

/** A locked-down kernel refuses trampolines to every process, and looks at nothing else of such programs. */
const isHidden = (name: string, answer: ProbeAnswer): boolean =>
  answer === 'unknown' && ['lsm', 'ext'].includes(name) && features.trampoline.probe() === 'no'

/** Compares an answer with the table. */
function check(t: ExecutionContext, name: string, since: LinuxRelease, answer: ProbeAnswer): void {
  const expected = isAtLeast(since) ? 'yes' : 'no'
  t.true(
    answer === expected || isExcused(name, answer) || isHidden(name, answer),
    `${name} came with Linux ${since}; this is ${release()}, whose answer is ${answer}`,
  )
}

/** Names without the two that are older names of the same numbers, and without `unspec`, which is nothing. */
function namesOf<N extends string>(since: Readonly<Record<N, LinuxRelease>>): [N, LinuxRelease][] {
  return (Object.entries(since) as [N, LinuxRelease][]).filter(
    ([name]) => name !== 'unspec' && !name.endsWith('_deprecated'),
  )
}

// Before the others: an answer is kept.
kernelTest('a map type given as a number is the same as by its name', [], t => {
  for (const [name, since] of namesOf<MapType>(mapTypeSince))
    check(t, name, since, haveMapType(mapTypes[name]))
})

kernelTest('the kernel has the map types of its version, and no others', ['every kernel'], t => {
  for (const [name, since] of namesOf<MapType>(mapTypeSince)) check(t, name, since, haveMapType(name))
  t.is(haveMapType('unspec'), 'no')
  t.is(haveMapType(4095), 'no')
  t.throws(() => haveMapType('hashes' as MapType), {
    instanceOf: RangeError,
    message: 'Unknown map type "hashes"; did you mean hash?',
  })
})

kernelTest('the kernel has the program types of its version, and no others', ['every kernel'], t => {
  for (const [name, since] of namesOf<ProgramType>(programTypeSince))
    check(t, name, since, haveProgramType(name))
  t.is(haveProgramType('unspec'), 'no')
  t.is(haveProgramType(4095), 'unknown')
})

kernelTest('the kernel has the helpers of its version, and no others', ['every kernel'], t => {
  for (const [name, since] of namesOf<Helper>(helperSince)) check(t, name, since, knowsHelper(name))
  t.is(knowsHelper('unspec'), 'no')
  t.is(knowsHelper(100_000), 'no')
})

kernelTest('no program type has a helper that the kernel lacks', [], t => {
  const types: readonly ProgramType[] = ['socket_filter', 'kprobe', 'sched_cls', 'xdp', 'syscall', 'tracing']
  for (const [name, since] of namesOf<Helper>(helperSince)) {
    for (const type of types) {
      if (haveHelper(type, name) === 'yes')
        t.true(isAtLeast(since) || isExcused(name, 'yes'), `${type}: ${name}`)
    }
  }
})

kernelTest('helpers belong to program types', [], t => {
  const both = (helper: Helper): ProbeAnswer[] => [haveHelper('kprobe', helper), haveHelper('xdp', helper)]
  t.deepEqual(both('map_lookup_elem'), ['yes', 'yes'])
  t.deepEqual(both('get_stackid'), ['yes', 'no'])
  t.deepEqual(both('xdp_adjust_head'), ['no', 'yes'])
  t.is(haveHelper('struct_ops', 'map_lookup_elem'), 'unknown')
  t.is(haveHelper('xdp', 100_000), 'no')
})

kernelTest('who may not try does not know', [], t => {
  const door = JSON.stringify(new URL('../../../src/kernel/index.js', import.meta.url).href)
  const source = `
    const { haveHelper, haveMapType, haveProgramType } = await import(${door})
    haveMapType('array')
    process.setgid(65534)
    process.setuid(65534)
    console.log(haveMapType('lru_hash'), haveProgramType('kprobe'), haveHelper('kprobe', 'probe_read'))`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
  })
  t.is(stdout, 'unknown unknown unknown\n', stderr)
})

/** Names of a kernel enumeration, by the number of each value. */
function kernelEnum(name: string): Map<number, string> {
  const btf = kernelBtf()
  const values = btf.findType('enum', name)?.values ?? []
  return new Map(values.map(each => [Number(each.value), each.name]))
}

/** Enumerators in the kernel's own types, which tell of entries that no experiment can try. */
for (const [type, numbers, since] of [
  ['bpf_map_type', mapTypes, mapTypeSince],
  ['bpf_prog_type', programTypes, programTypeSince],
  ['bpf_attach_type', attachTypes, attachTypeSince],
  ['bpf_link_type', linkTypes, linkTypeSince],
  ['bpf_func_id', helpers, helperSince],
] as const) {
  kernelTest(
    `enum ${type} of the kernel has the entries of its version, and no others`,
    ['every kernel'],
    t => {
      const present = kernelEnum(type)
      t.true(present.size > 5, 'the test itself: the kernel has such a type')
      for (const [name, number] of Object.entries(numbers)) {
        const has =
          present.has(number) && !/^__?MAX|_MAX_|MAX_BPF|__BPF_FUNC_MAX_ID/.test(present.get(number)!)
        const expected = isAtLeast((since as Record<string, LinuxRelease>)[name]!)
        if (has && !expected && isExcused(name, 'yes')) continue
        t.is(has, expected, `${name}: ${present.get(number)}`)
      }
    },
  )
}
