import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { OpenFile } from '../../../src/kernel/read-file.ts'
import { FileCache } from '../../../src/symbols/files/file-cache.ts'
import type { SymbolFile } from '../../../src/symbols/files/symbol-file.ts'
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

test.serial('files of one build are one, by their build id or by what they are', t => {
  using cache = new FileCache(1 << 20)
  const first = acquire(cache, write('one', id(1)))
  t.is(acquire(cache, write('copy-of-one', id(1))), first)
  const other = acquire(cache, write('without'))
  t.not(other, first)
  t.is(acquire(cache, join(folder, 'without')), other)
  t.is(cache.withBuildId(id(1)), first)
  t.is(cache.withBuildId(id(2)), undefined)
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
