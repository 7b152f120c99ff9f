import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { OpenFile } from '../../../src/kernel/read-file.ts'
import { FileCache } from '../../../src/symbols/files/file-cache.ts'
import type { SymbolFile } from '../../../src/symbols/files/symbol-file.ts'
import { FrameCache } from '../../../src/symbols/process/frame-cache.ts'
import { PerfMapMemory } from '../../../src/symbols/process/perf-map.ts'
import { ProcessSymbols } from '../../../src/symbols/process/process-symbols.ts'
import { Symbolizer } from '../../../src/symbols/symbolizer.ts'
import { at, program, SIZE, TEXT } from '../../support/symbols/files.ts'

const PLACES = { directories: [] }
const id = (number: number): string => number.toString(16).padStart(40, '0')

const folder = mkdtempSync(join(tmpdir(), 'file-cache-'))
test.after.always(() => rmSync(folder, { recursive: true }))

/** Writes a program with one function. */
function write(name: string, buildId?: string): string {
  const path = join(folder, name)
  const symbols = [at(`main_of_${name}`, 0, 16)]
  writeFileSync(path, program(buildId === undefined ? { symbols } : { id: buildId, symbols }))
  return path
}

const acquire = (cache: FileCache, path: string): SymbolFile =>
  cache.acquire(OpenFile.open(path), path, PLACES)

/** Descriptors of this process that lead to files of the test with some names. */
function openFiles(prefix: string): number {
  return readdirSync('/proc/self/fd').filter(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).startsWith(join(folder, prefix))
    } catch {
      return false
    }
  }).length
}

test.serial('a file is one for all who open it, and a copy with its build id is another', t => {
  using cache = new FileCache(1 << 20)
  const first = acquire(cache, write('one', id(1)))
  t.is(acquire(cache, join(folder, 'one')), first)
  const copy = acquire(cache, write('copy-of-one', id(1)))
  t.not(copy, first)
  t.is(copy.find(TEXT)?.name, 'main_of_copy-of-one')
  const other = acquire(cache, write('without'))
  t.not(other, first)
  t.is(acquire(cache, join(folder, 'without')), other)
  t.is(cache.withBuildId(id(1)), first)
  t.is(cache.withBuildId(id(2)), undefined)
})

test.serial('a file is another where its debug file is looked for elsewhere', t => {
  using cache = new FileCache(1 << 20)
  const path = write('root', id(3))
  const within = (root: string, rootIdentity?: string): SymbolFile =>
    cache.acquire(OpenFile.open(path), path, { ...PLACES, root, ...(rootIdentity && { rootIdentity }) })
  const host = within('')
  t.is(acquire(cache, path), host)
  t.not(within('/proc/7/root'), host)
  t.is(within('/proc/8/root', 'container'), within('/proc/9/root', 'container'))
})

test.serial('a forged build id does not name the stacks of a file that was added', t => {
  using cache = new FileCache(1 << 20)
  acquire(cache, write('forged', id(4)))
  const path = write('genuine', id(4))
  const genuine = cache.add(OpenFile.open(path), path, PLACES)
  t.is(cache.withBuildId(id(4)), genuine)
})

test.serial('no more files are open than there may be: others are closed, unless they are held', t => {
  using cache = new FileCache(1 << 20, 4)
  const files = Array.from({ length: 6 }, (_, i) => acquire(cache, write(`limit${i}`, id(0x300 + i))))
  t.is(openFiles('limit'), 4)
  t.deepEqual(
    files.map(({ closed }) => closed),
    [true, true, false, false, false, false],
  )
  t.is(cache.withBuildId(id(0x300)), undefined)
  cache.use(files[2]!)
  cache.hold(files[3]!)
  cache.hold(files[4]!)
  t.throws(() => cache.hold(files[5]!), { code: 'EMFILE', message: /limit5 open: too many files/ })
  acquire(cache, write('limit6'))
  t.deepEqual([files[2]!.closed, files[3]!.closed, files[5]!.closed], [false, false, true])
  cache.release(files[5]!)
  cache.release(files[3]!)
  acquire(cache, write('limit7'))
  t.true(files[3]!.closed)
  t.false(files[4]!.closed)
  t.is(openFiles('limit'), 4)
  using full = new FileCache(1 << 20, 1)
  full.hold(acquire(full, write('single')))
  t.throws(() => acquire(full, join(folder, 'limit0')), { code: 'EMFILE' })
  t.is(openFiles('limit0'), 0)
})

test.serial('a process whose files were closed for others has the same names', t => {
  const mapped = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter(line => / r-xp .* \//.test(line))
    .map(line => BigInt(`0x${line.split('-')[0]}`))
  t.true(mapped.length > 2)
  const addresses = [0x1100n, 0x2200n].flatMap(offset => mapped.map(start => start + offset))
  const namesOf = (maxFiles?: number): unknown[] => {
    using files = new FileCache(1 << 28, maxFiles)
    const context = {
      files,
      frames: new FrameCache(),
      perfMaps: new PerfMapMemory(),
      debugDirectories: [],
      demangle: String,
      onClose: () => {},
    }
    using symbols = new ProcessSymbols(process.pid, context)
    const frames = addresses.map(each => symbols.at(each))
    t.is(symbols.problems.size, 0)
    symbols.hold()
    if (maxFiles !== undefined) t.is([...symbols.problems.values()][0]?.code, 'EMFILE')
    return frames
  }
  t.deepEqual(namesOf(1), namesOf())
})

test.serial('tables that were not used for long are forgotten, and read again', t => {
  using cache = new FileCache(20)
  const files = [1, 2, 3].map(number => acquire(cache, write(`table${number}`, id(0x100 + number))))
  for (const [i, file] of files.entries()) {
    cache.use(file)
    t.is(file.find(TEXT)?.name, `main_of_table${i + 1}`)
  }
  for (let i = 0; i < 256; i++) cache.use(files[2]!)
  t.deepEqual(
    files.map(({ memory }) => memory),
    [0, 0, 12 + 64 + 2 * 'main_of_table3'.length],
  )
  t.is(files[0]!.find(TEXT)?.name, 'main_of_table1')
})

test.serial('files that nothing uses stay open for a while, and all are closed in the end', t => {
  const cache = new FileCache(1 << 20)
  for (let i = 0; i < 70; i++) cache.release(acquire(cache, write(`idle${i}`, id(0x200 + i))))
  t.is(openFiles('idle'), 64)
  t.is(cache.withBuildId(id(0x200)), undefined)
  t.not(cache.withBuildId(id(0x200 + 69)), undefined)
  cache[Symbol.dispose]()
  t.is(openFiles('idle'), 0)
})

test.serial('stacks with build ids have the functions of files that were added', t => {
  const symbolizer = new Symbolizer()
  // One of 8 bytes, which the kernel fills with zeros.
  const path = write('added', 'abcdef0123456789')
  t.is(symbolizer.addFile(path), 'abcdef0123456789')
  const buildId = `abcdef0123456789${'0'.repeat(24)}`
  const place = (offset: number) => ({ buildId, offset: BigInt(SIZE + offset) })
  const [first, second, third] = symbolizer.stack([place(8), place(16), place(17)])
  t.deepEqual(first, { address: BigInt(SIZE + 8), name: 'main_of_added', offset: 8, module: path })
  // A return address behind the end of the function that calls.
  t.deepEqual(second, { address: BigInt(SIZE + 16), name: 'main_of_added', offset: 16, module: path })
  t.deepEqual(third, { address: BigInt(SIZE + 17), name: undefined, offset: 0, module: path })
  t.is(symbolizer.stack([{ buildId: id(9), offset: 0n }])[0]?.module, undefined)
  symbolizer.close()
  symbolizer.close()
  t.is(openFiles('added'), 0)
  t.throws(() => symbolizer.addFile(path), { code: 'ERR_CLOSED' })
  t.throws(() => new Symbolizer({ maxMemory: -1 }), { instanceOf: RangeError })
})
