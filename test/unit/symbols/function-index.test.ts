import test from 'ava'
import fc from 'fast-check'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import {
  EM_AARCH64,
  EM_ARM,
  EM_X86_64,
  ET_DYN,
  PF_R,
  PF_X,
  SHF_ALLOC,
  SHF_EXECINSTR,
  sectionTypes,
} from '../../../src/elf/format.ts'
import { type ElfSource, type SymbolSource, writeElf } from '../../../src/elf/write.ts'
import { FunctionIndex, isBetterName } from '../../../src/symbols/files/function-index.ts'

/** Where the code of the test's program lies. */
const TEXT = 0x40_1000
const SIZE = 0x1000

type Shape = Pick<ElfSource, 'bits' | 'byteOrder' | 'machine'>

/** A program with one section of code, 0x1000 bytes at TEXT, and one of data behind it. */
function program(symbols: readonly SymbolSource[], shape: Shape = {}): Uint8Array {
  const flags = SHF_ALLOC | SHF_EXECINSTR
  const base = TEXT - SIZE
  return writeElf({
    type: ET_DYN,
    machine: EM_X86_64,
    ...shape,
    sections: [
      { name: '.text', flags, data: new Uint8Array(SIZE), alignment: SIZE, base },
      { name: '.data', flags: SHF_ALLOC, data: new Uint8Array(SIZE), alignment: SIZE, base },
    ],
    segments: [{ flags: PF_R | PF_X, address: TEXT, first: '.text', last: '.text' }],
    symbols,
  })
}

const indexOf = (symbols: readonly SymbolSource[], shape?: Shape): FunctionIndex | undefined =>
  FunctionIndex.build(ElfFile.parse(program(symbols, shape)), 'symtab')

/** A function at an offset of the code. */
const at = (name: string, offset: number, size: number, more: Partial<SymbolSource> = {}): SymbolSource => ({
  name,
  section: 1,
  value: TEXT + offset,
  size,
  ...more,
})

/** The name at an offset of the code. */
const nameAt = (index: FunctionIndex | undefined, offset: number): string | undefined =>
  index?.find(TEXT + offset)?.name

test('an address has the name of the function that it lies in, and no other', t => {
  const index = indexOf([at('b', 0x80, 0x20), at('a', 0x40, 0x20)])
  t.deepEqual(index?.find(TEXT + 0x5f), { name: 'a', start: TEXT + 0x40 })
  t.deepEqual(index?.find(TEXT + 0x80), { name: 'b', start: TEXT + 0x80 })
  for (const offset of [-0x1000_0000, -1, 0, 0x3f, 0x60, 0x7f, 0xa0, SIZE, 2 ** 40]) {
    t.is(nameAt(index, offset), undefined, String(offset))
  }
})

for (const shape of [
  { bits: 32, byteOrder: 'little' },
  { bits: 32, byteOrder: 'big' },
  { bits: 64, byteOrder: 'big' },
] as const) {
  test(`files of ${shape.bits} bits, ${shape.byteOrder}-endian, are read`, t => {
    const index = indexOf([at('a', 0x40, 0x20), at('b', 0x80, 0)], shape)
    t.is(nameAt(index, 0x41), 'a')
    t.is(nameAt(index, SIZE - 1), 'b')
  })
}

test('a function without a size extends to the next, and not past its section', t => {
  const index = indexOf([at('a', 0, 0), at('b', 0x100, 0), at('object', SIZE, 0x10, { section: 2 })])
  t.is(nameAt(index, 0xff), 'a')
  t.is(nameAt(index, 0x100), 'b')
  t.is(nameAt(index, SIZE - 1), 'b')
  t.is(nameAt(index, SIZE), undefined)
})

test('of functions in each other the innermost is found, and the outer one around it', t => {
  const inner = Array.from({ length: 100 }, (_, i) => at(`inner${i}`, 0x100 + 8 * i, 4))
  const index = indexOf([at('outer', 0, 0x800), ...inner])
  t.is(nameAt(index, 0), 'outer')
  t.is(nameAt(index, 0x100 + 8 * 50), 'inner50')
  t.is(nameAt(index, 0x100 + 8 * 99 + 5), 'outer')
  t.is(nameAt(index, 0x7ff), 'outer')
  t.is(nameAt(index, 0x800), undefined)
})

test('of several names at an address the better symbol wins, then the better name', t => {
  const name = (...list: readonly (readonly [string, Partial<SymbolSource>])[]): string | undefined =>
    nameAt(indexOf(list.map(([name, more]) => at(name, 0, 16, more))), 8)
  t.is(name(['label', { type: 'notype' }], ['resolver', { type: 'ifunc' }]), 'resolver')
  t.is(name(['resolver', { type: 'ifunc' }], ['function', { binding: 'local' }]), 'function')
  t.is(name(['local', { binding: 'local' }], ['weaker', { binding: 'weak' }]), 'weaker')
  t.is(name(['weak', { binding: 'weak' }], ['_global', {}]), '_global')
  t.is(name(['__libc_malloc', {}], ['malloc', {}], ['_malloc', {}]), 'malloc')
  t.is(name(['longer', {}], ['short', {}]), 'short')
  t.is(name(['same2', {}], ['same1', {}]), 'same1')
})

test('a larger symbol at the same address has what the better one does not reach', t => {
  const index = indexOf([at('better', 0, 16), at('larger', 0, 64, { binding: 'local' })])
  t.is(nameAt(index, 15), 'better')
  t.is(nameAt(index, 16), 'larger')
})

test('labels count only where no function is, and not where they mark data', t => {
  const label = { type: 'notype', binding: 'local' } as const
  const list = [at('function', 0, 0x40), at('within', 0x10, 0, label), at('beside', 0x80, 0, label)]
  const elsewhere = [...list, at('data', SIZE + 8, 0, { ...label, section: 2 })]
  const index = indexOf(elsewhere)
  t.is(nameAt(index, 0x10), 'function')
  t.is(nameAt(index, 0x81), 'beside')
  t.is(nameAt(index, SIZE + 8), undefined)
  t.is(nameAt(indexOf(elsewhere, { machine: EM_AARCH64 }), 0x81), undefined)
})

test('symbols of other kinds, of other files and without a name are not functions', t => {
  const index = indexOf([
    at('variable', 0x10, 8, { type: 'object' }),
    at('import', 0x20, 8, { section: 0 }),
    at('absolute', 0x30, 8, { section: 0xfff1 }),
    at('', 0x40, 8),
  ])
  t.is(index, undefined)
})

test('the lowest bit of an address is not part of it on 32-bit arm', t => {
  const index = indexOf([at('thumb', 0x41, 8)], { bits: 32, machine: EM_ARM })
  t.deepEqual(index?.find(TEXT + 0x40), { name: 'thumb', start: TEXT + 0x40 })
})

test('a name does not have the version that linkers write behind it', t => {
  t.is(nameAt(indexOf([at('memcpy@@GLIBC_2.14', 0, 8)]), 0), 'memcpy')
})

test('names of any length are read, up to a limit', t => {
  const long = 'x'.repeat(70_000)
  t.is(nameAt(indexOf([at(long.slice(0, 300), 0, 8)]), 0)?.length, 300)
  t.is(nameAt(indexOf([at(long, 0, 8)]), 0)?.length, 1 << 12)
})

test('an index of many symbols takes 12 bytes each, 16 where some lie in others', t => {
  const list = Array.from({ length: 200 }, (_, i) => at(`f${i}`, 16 * i, 16))
  t.is(indexOf(list)?.memory, 200 * 12)
  t.is(indexOf([...list, at('outer', 0, 0x800)])?.memory, 201 * 16)
})

test('names that are kept are bounded by their bytes, and count as memory', t => {
  const count = 600
  const index = indexOf(Array.from({ length: count }, (_, i) => at(`${i}_`.padEnd(4096, 'x'), i, 1)))!
  const empty = index.memory
  let most = 0
  for (let i = 0; i < count; i++) {
    t.true(nameAt(index, i)?.startsWith(`${i}_`))
    most = Math.max(most, index.memory)
  }
  t.true(most > empty + (1 << 19) && most <= empty + (1 << 20), `${most}`)
})

test('of many aliases of a function some are compared, of the best rank', t => {
  const aliases = Array.from({ length: 5000 }, (_, i) => at(`alias${i}`, 0, 16, { binding: 'local' }))
  const index = indexOf([...aliases, at('__global', 0, 16), at('next', 16, 8)])!
  const table = index.memory
  t.is(nameAt(index, 8), '__global')
  t.is(nameAt(index, 16), 'next')
  const locals = indexOf(aliases)!
  t.is(nameAt(locals, 8), 'alias0')
  t.true(locals.memory - 5000 * 12 < 65 * 100, 'few names were read')
  t.true(index.memory - table < 300)
})

test('every address gets what a search through all symbols says', t => {
  const symbol = fc.record({
    offset: fc.nat(255),
    size: fc.nat(40),
    type: fc.constantFrom('func' as const, 'ifunc' as const),
    binding: fc.constantFrom('local' as const, 'weak' as const, 'global' as const),
  })
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.array(symbol, { maxLength: 40 }), list => {
        const symbols = list.map(({ offset, size, ...more }, i) => at(`f${i}`, offset, size, more))
        const starts = [...new Set(list.map(({ offset }) => offset)), SIZE].sort((a, b) => a - b)
        const rank = ({ type, binding }: SymbolSource): number =>
          (type === 'ifunc' ? 3 : 0) + ['global', 'weak', 'local'].indexOf(binding!)
        const index = indexOf(symbols)
        for (let offset = 0; offset < 320; offset++) {
          const covering = symbols
            .filter(({ value = 0, size = 0 }) => {
              const start = value - TEXT
              const end = size === 0 ? starts.find(each => each > start)! : start + size
              return offset >= start && offset < end
            })
            .sort(
              (a, b) => b.value! - a.value! || rank(a) - rank(b) || (isBetterName(a.name, b.name) ? -1 : 1),
            )
          if (nameAt(index, offset) !== covering[0]?.name) return false
        }
        return true
      }),
      { numRuns: 60 },
    ),
  )
})

test('a file may have more segments than a call may have arguments', t => {
  const elf = ElfFile.parse(program([at('a', 0, 8)]))
  Object.defineProperty(elf, 'segments', { value: new Array(300_000).fill(elf.segments[0]) })
  t.is(FunctionIndex.build(elf, 'symtab')?.find(TEXT)?.name, 'a')
})

test('code of more than 4 GiB is refused, and a table that is cut off', t => {
  const bytes = program([at('a', 0, 8)])
  const elf = ElfFile.parse(bytes)
  const view = new DataView(bytes.buffer)
  // p_memsz of the only segment.
  view.setBigUint64(64 + 40, 1n << 33n, true)
  t.throws(() => FunctionIndex.build(ElfFile.parse(bytes), 'symtab'), {
    instanceOf: ObjectFileError,
    message: /^Code of 8589934592 bytes/,
  })
  const table = elf.sections.findIndex(({ type }) => type === sectionTypes.symtab)
  const header = Number(view.getBigUint64(40, true)) + table * 64
  view.setBigUint64(64 + 40, 0x1000n, true)
  view.setBigUint64(header + 32, view.getBigUint64(header + 32, true) - 1n, true)
  t.throws(() => FunctionIndex.build(ElfFile.parse(bytes), 'symtab'), { instanceOf: ObjectFileError })
})
