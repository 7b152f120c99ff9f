import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'ava'

type Door = Record<string, unknown>

const { exports } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  exports: Record<string, { default: string } | string>
}
const doors = Object.entries(exports).flatMap(([subpath, door]) =>
  typeof door === 'string' ? [] : [{ specifier: `ebpf-ts${subpath.slice(1)}`, file: door.default }],
)

const published = (specifier: string): Promise<Door> => import(specifier)

/** Files of the package that one of them loads: itself, and what it imports from beside it. */
function loaded(file: string, seen: Set<string> = new Set()): Set<string> {
  if (seen.has(file)) return seen
  seen.add(file)
  for (const [, path] of readFileSync(file, 'utf8').matchAll(/^(?:import|export) .*?from '(\.[^']+)';/gm))
    loaded(join(dirname(file), path!), seen)
  return seen
}

for (const { specifier, file } of doors) {
  test(`${specifier} as it is published has what its source exports`, async t => {
    const source: Door = await import(`../../src/${file.slice('./dist/'.length)}`)
    const door = await published(specifier)
    t.deepEqual(Object.keys(door).sort(), Object.keys(source).sort())
    // Names of classes are seen where objects are printed.
    for (const [name, value] of Object.entries(door))
      if (typeof value === 'function' && /^[A-Z]/.test(name)) t.is(value.name, name)
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

test('the common path is two files, and no door is more than three', t => {
  t.deepEqual([...loaded('dist/index.js')], ['dist/index.js', 'dist/library.js'])
  for (const { file } of doors) t.true(loaded(file).size <= 3, file)
})

test('V8 can keep every file with a byte for each character', t => {
  for (const file of ['dist/library.js', ...loaded('dist/inspect/index.js')])
    t.notRegex(readFileSync(file, 'utf8'), /[^\0-\xff]/, file)
})

test('the source maps lead to the sources that are published', t => {
  for (const file of ['dist/library.js', 'dist/bench/index.js', 'dist/cli/main.js']) {
    const { sources } = JSON.parse(readFileSync(`${file}.map`, 'utf8')) as { sources: string[] }
    t.true(sources.length > 0)
    for (const source of sources) {
      const path = join(dirname(file), source)
      t.regex(path, /^src\/.*\.ts$/)
      t.true(existsSync(path), path)
    }
  }
})
