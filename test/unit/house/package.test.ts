import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import test from 'ava'
import { explainVerdict as sourceOfVerdict } from '../../../src/programs/refusal/explain-verdict.ts'

type Door = Record<string, unknown>

const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, { default: string } | string>
}
const doors = Object.entries(exports).flatMap(([subpath, door]) =>
  typeof door === 'string' ? [] : [{ specifier: `ebpf-ts${subpath.slice(1)}`, file: door.default }],
)

const published = (specifier: string): Promise<Door> => import(specifier)

const { LATER, UPPER_ROOMS } = (await import(join(process.cwd(), 'lab/package/storeys.mjs'))) as {
  LATER: Readonly<Record<string, readonly string[]>>
  UPPER_ROOMS: readonly string[]
}
const laterFiles = Object.keys(LATER).map(file => `dist/${file}`)

/** Files of the package that one of them loads: itself, and what it imports from beside it. */
function loaded(file: string, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()'(\.[^']+)'/g))
    loaded(join(dirname(file), path!), seen)
  return seen
}

for (const { specifier, file } of doors) {
  test(`${specifier} as it is published has what its source exports`, async t => {
    const source: Door = await import(`../../../src/${file.slice('./dist/'.length)}`)
    const door = await published(specifier)
    t.deepEqual(Object.keys(door).sort(), Object.keys(source).sort())
    // Names are seen in stack traces, and where objects are printed.
    for (const [name, value] of Object.entries(door))
      if (typeof value === 'function') t.is(value.name, (source[name] as { name: string }).name)
  })
}

test('a class is the same through every door', async t => {
  const { BpfError, BpfMap, Link, Program, RingBuffer } = await published('ebpf-ts')
  t.is((await published('ebpf-ts/maps')).BpfMap, BpfMap)
  t.is((await published('ebpf-ts/programs')).Program, Program)
  t.is((await published('ebpf-ts/links')).Link, Link)
  t.is((await published('ebpf-ts/readers')).RingBuffer, RingBuffer)
  const { parseObject } = await published('ebpf-ts/elf')
  const error = t.throws(() => (parseObject as (bytes: Uint8Array) => unknown)(new Uint8Array(4)))
  t.true(error instanceof (BpfError as typeof Error))
})

test('the common path is two files, and no door is more than four', t => {
  t.deepEqual([...loaded('dist/index.js')], ['dist/index.js', 'dist/library.js'])
  for (const { file } of doors) t.true(loaded(file).size <= 4, file)
})

/** Rooms of the files that a file of the package is made of, by its source map. */
function roomsIn(file: string): string[] {
  const { sources } = JSON.parse(readFileSync(`${file}.map`, 'utf8')) as { sources: string[] }
  const paths = sources.map(source => relative('src', join(dirname(file), source)))
  return [
    ...new Set(paths.map(path => (path.includes('/') ? path.slice(0, path.indexOf('/')) : 'door'))),
  ].sort()
}

/** The rooms of the drawing in ARCHITECTURE.md, from top to bottom: above the line, and below it. */
function drawnStoreys(): [upper: string[], lower: string[]] {
  const drawing = /```\n(cli [\s\S]*?)```/.exec(readFileSync('ARCHITECTURE.md', 'utf8'))![1]!
  const [upper, lower] = drawing.split(/^---.*\n/m)
  const rooms = (text: string): string[] => [...text.matchAll(/^\w+/gm)].map(([room]) => room)
  return [rooms(upper!), rooms(lower!)]
}

test('the chunks of the package are the storeys that ARCHITECTURE.md draws', t => {
  const [upper, lower] = drawnStoreys()
  t.deepEqual(UPPER_ROOMS, upper)
  // What is built above is not in what `import 'ebpf-ts'` loads.
  const files = ['dist/library.js', 'dist/more.js', ...laterFiles]
  t.deepEqual([...new Set(files.flatMap(roomsIn))].sort(), [...lower].sort())
  t.deepEqual(
    roomsIn('dist/library.d.ts').filter(room => !lower.includes(room)),
    [],
  )
  for (const room of upper.filter(each => each !== 'cli')) {
    for (const file of [`dist/${room}/index.js`, `dist/${room}/${room}.d.ts`])
      t.deepEqual(roomsIn(file), [room], file)
  }
})

test('what is loaded later answers as its source does', async t => {
  const { explainVerdict } = await published('ebpf-ts/programs')
  const program = { log: 'invalid func unknown#9999', type: 'kprobe', license: 'GPL' }
  const reason = sourceOfVerdict(program)
  t.regex(reason!, /^the kernel has no helper number 9999/)
  t.is((explainVerdict as typeof sourceOfVerdict)(program), reason)
})

test('declarations have what doors export, without internals', t => {
  const declared = readdirSync('dist', { recursive: true, encoding: 'utf8' }).filter(name =>
    name.endsWith('.d.ts'),
  )
  t.deepEqual(
    declared.sort(),
    [
      'library.d.ts',
      ...UPPER_ROOMS.filter(room => room !== 'cli').map(room => `${room}/${room}.d.ts`),
      ...doors.map(({ file }) => relative('dist', file).replace(/\.js$/, '.d.ts')),
    ].sort(),
  )
  const text = declared.map(name => readFileSync(join('dist', name), 'utf8')).join('\n')
  // Debugger is a type of a package that has no types of its own.
  t.notRegex(text, /@internal|\bDebugger\b|from '(?!\.{1,2}\/|node:)/)
  // A member for other rooms.
  t.true(readFileSync('src/programs/program.ts', 'utf8').includes('loadPrepared'))
  t.true(text.includes('loadAsync'))
  t.false(text.includes('loadPrepared'))
})

test('V8 can keep the common path with a byte for each character', t => {
  for (const file of ['dist/library.js', ...loaded('dist/inspect/index.js')])
    t.notRegex(readFileSync(file, 'utf8'), /[^\0-\xff]/, file)
})

test('nothing else is published: every file belongs to a door or to the command line', t => {
  const expected = [...doors.map(({ file }) => file), 'dist/cli/main.js'].map(file => join(file))
  const all = new Set<string>()
  for (const file of expected) for (const each of loaded(file)) all.add(each)
  const found = readdirSync('dist', { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.js'))
    .map(name => join('dist', name))
  t.deepEqual(found.sort(), [...all].sort())
})

/** Where in `src` an error of a program comes from, by the source maps. */
function sourceLines(specifier: string): string[] {
  const source = `import { parseObject } from '${specifier}'; parseObject(new Uint8Array(4))`
  const args = ['--enable-source-maps', '--input-type=module', '-e', source]
  const { stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
  return [...stderr.matchAll(/src\/\S+?:\d+/g)].map(([place]) => place)
}

test('an error of the published library is located as one of its source', t => {
  const lines = sourceLines('ebpf-ts/elf')
  t.true(lines.length > 3)
  t.deepEqual(lines, sourceLines(new URL('../../../src/elf/index.js', import.meta.url).href))
})

test('the source maps lead to the sources that are published', t => {
  for (const file of [
    'dist/library.js',
    ...laterFiles,
    'dist/library.d.ts',
    'dist/bench/index.js',
    'dist/bench/bench.d.ts',
    'dist/cli/main.js',
  ]) {
    const { sources } = JSON.parse(readFileSync(`${file}.map`, 'utf8')) as { sources: string[] }
    t.true(sources.length > 0)
    for (const source of sources) {
      const path = join(dirname(file), source)
      t.regex(path, /^src\/.*\.ts$/)
      t.true(existsSync(path), path)
    }
  }
})
