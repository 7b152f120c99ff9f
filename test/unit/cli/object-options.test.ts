import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import type { Inspection } from '../../../src/inspect/inspect.ts'
import { executeHere } from '../../support/cli/fake-terminal.ts'
import { temporaryFile } from '../../support/cli/hostile.ts'
import { legacyDefinition } from '../../support/elf/files.ts'
import { objectPath } from '../../support/objects.ts'

/** What `inspect` says of an object that is changed by options. */
async function inspected(object: string, ...options: string[]): Promise<Inspection> {
  const { code, stdout, stderr } = await executeHere(['inspect', objectPath(object), '--json', ...options])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Inspection
}

function names(list: readonly { name: string }[]): string[] {
  return list.map(({ name }) => name)
}

test('--only leaves out all programs but those that it names, and loads them', async t => {
  const { programs } = await inspected('callbacks', '--only', 'sum_loop')
  t.deepEqual(
    programs.map(({ name, autoload }) => [name, autoload]),
    [['sum_loop', true]],
  )
  t.deepEqual(names((await inspected('callbacks', '--only', 'sum_loop', '--only', 'sum_map')).programs), [
    'sum_map',
    'sum_loop',
  ])
})

test('--without leaves out programs, and maps are not created', async t => {
  const all = await inspected('callbacks')
  const { programs, maps, needs } = await inspected(
    'callbacks',
    '--without',
    'sum_map',
    '--without',
    'numbers',
  )
  t.deepEqual(names(programs), ['sum_loop'])
  t.deepEqual(
    maps.map(({ name, autocreate }) => [name, autocreate]),
    [['numbers', false]],
  )
  t.true(all.needs.needs.length > needs.needs.length)
})

test('maps of operations whose programs are left out are not created', async t => {
  const { maps, programs } = await inspected('struct-ops', '--without', 'answer')
  t.false(maps.find(({ name }) => name === 'dummy')!.autocreate)
  t.true(maps.find(({ name }) => name === 'plain')!.autocreate)
  t.false(names(programs).includes('answer'))
})

test('--map-size gives maps entries, and data sections bytes', async t => {
  const sizes = ['--map-size', 'one=0x100', '--map-size', '.data.large=404']
  const { maps, variables } = await inspected('data-sections', ...sizes)
  t.is(maps.find(({ name }) => name === 'one')!.maxEntries, 256)
  const valued = await inspected('data-sections', '--map-size', 'one=3:0x10')
  t.like(
    valued.maps.find(({ name }) => name === 'one'),
    { maxEntries: 3, valueSize: 16 },
  )
  t.is(maps.find(({ name }) => name === '.data.large')!.valueSize, 404)
  const large = variables.find(({ name }) => name === 'large')!
  t.is((large.value as number[]).length, 100)
  t.is(large.declaration, '__u32 large[100]')
})

test('--record gives the records of a ring buffer a type, --set a variable a value', async t => {
  const { maps, variables } = await inspected('events', '--record', 'tails=struct point', '--set', 'count=7')
  t.is(maps.find(({ name }) => name === 'tails')!.record!.type, 'struct point')
  t.is(variables.find(({ name }) => name === 'count')!.value, 7)
})

test('--legacy-map-layout says how to read maps from before BTF', async t => {
  const object = temporaryFile(t, 'it.o', legacyDefinition(1, 4, 8, 16, 0, 0, 1, 0))
  const { code, stderr } = await executeHere(['inspect', object])
  t.is(code, 1)
  t.regex(stderr, /their layout is not known/)
  const { stdout } = await executeHere(['inspect', object, '--legacy-map-layout', 'aya', '--json'])
  t.is((JSON.parse(stdout) as Inspection).maps[0]!.pinning, 'by_name')
})

/** What is wrong, and how it is said. */
const wrong: readonly (readonly [options: string[], message: RegExp])[] = [
  [['--only', 'emti'], /--only emti: No such program "emti"; did you mean emit\?/],
  [['--without', 'recrods'], /--without recrods: No such program or map "recrods"; did you mean records\?/],
  [['emit', 'emit_tails', 'discard'].flatMap(each => ['--without', each]), /every program is left out/],
  [['--map-size', 'tials=1'], /--map-size tials=1: No such map "tials"; did you mean tails\?/],
  [['--map-size', 'tails'], /--map-size needs MAP=N, not "tails"/],
  [['--map-size', 'tails=many'], /--map-size tails=many: the size is from 1 to 4294967295/],
  [['--map-size', 'tails=1:2:3'], /a map has entries and bytes of a value, MAP=N:BYTES/],
  [['--map-size', '.bss=9:9'], /a data section has one value, MAP=BYTES/],
  [['--map-size', 'tails=1:'], /the size is from 1 to 4294967295/],
  [['--map-size', 'tails=0'], /the size is from 1 to 4294967295/],
  [['--map-size', '.data=1'], /--map-size \.data=1: its variables need \d+ bytes/],
  [['--set', 'cuont=1'], /--set cuont=1: No such variable "cuont"; did you mean count\?/],
  [['--set', 'count=x'], /--set count=x: it needs a number, not "x"/],
  [
    ['--legacy-map-layout', 'cilium'],
    /--legacy-map-layout needs one of libbpf, samples, aya, iproute2, gobpf, not "cilium"/,
  ],
]
/** Of records, which `verify` does not read. */
const wrongRecords: typeof wrong = [
  [
    ['--record', 'tials=struct tail'],
    /--record tials=struct tail: No such map "tials"; did you mean tails\?/,
  ],
  [['--record', 'tails=struct tial'], /the object has no type "struct tial"; did you mean struct tail\?/],
  [['--record', 'tails=enum tail'], /the object has no type "enum tail"/],
  [
    ['--record', '.bss=struct tail'],
    /--record \.bss=struct tail: \.bss is a map of type array, not a ring buffer/,
  ],
]

async function refuses(t: ExecutionContext, command: string[], cases: typeof wrong): Promise<void> {
  for (const [options, message] of cases) {
    const { code, stdout, stderr } = await executeHere([...command, ...options])
    t.deepEqual([code, stdout], [2, ''], options.join(' '))
    t.regex(stderr, message)
  }
}

for (const command of ['run', 'inspect'] as const) {
  test(`${command} refuses names that the object does not have, with the nearest one`, async t => {
    await refuses(t, [command, objectPath('events')], [...wrong, ...wrongRecords])
  })
}

test('verify refuses names that none of its objects has', async t => {
  const kernel = ['--btf', 'test/btf/abi.btf']
  await refuses(
    t,
    ['verify', objectPath('events'), objectPath('recent'), ...kernel],
    wrong.filter(([options]) => options[1] !== 'emit'),
  )
})

test('options of verify change every object that has the name, and the others stay as they are', async t => {
  const objects = [objectPath('functions'), objectPath('callbacks')]
  const run = async (...options: string[]): Promise<string[]> => {
    const { stdout } = await executeHere([
      'verify',
      ...objects,
      '--btf',
      'test/btf/abi.btf',
      '--json',
      ...options,
    ])
    const { programs } = JSON.parse(stdout) as { programs: { file: string; program: string }[] }
    return programs.map(({ file, program }) => `${file} ${program}`)
  }
  t.deepEqual(await run('--only', 'sum_map'), ['callbacks.bpf.o sum_map'])
  t.deepEqual(await run('--without', 'sum_map', '--without', 'first').then(all => all.slice(0, 1)), [
    'functions.bpf.o second',
  ])
})

test('files of one name are told apart by their paths', async t => {
  const copy = temporaryFile(t, 'callbacks.bpf.o', readFileSync(objectPath('callbacks')))
  const files = [copy, objectPath('callbacks'), objectPath('functions')]
  const { stdout } = await executeHere(['verify', ...files, '--btf', 'test/btf/abi.btf', '--json'])
  const { programs } = JSON.parse(stdout) as { programs: { file: string }[] }
  t.deepEqual([...new Set(programs.map(({ file }) => file))], [...files.slice(0, 2), 'functions.bpf.o'])
})
