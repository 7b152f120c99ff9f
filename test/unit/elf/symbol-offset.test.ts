import test from 'ava'
import fc from 'fast-check'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import { sectionTypes } from '../../../src/elf/format.ts'
import { functionSymbols } from '../../../src/elf/functions.ts'
import { functionOffset, functionOffsets, matchingFunctions } from '../../../src/elf/symbol-offset.ts'
import {
  firstSectionOffset,
  type SectionSource,
  StringTableBuilder,
  type SymbolSource,
  symbolTable,
  writeElf,
} from '../../../src/elf/write.ts'
import { versionDefinitions } from '../../support/elf/files.ts'

/** The only code section of the files here is their first. */
const TEXT = 1
const TEXT_SIZE = 0x100
const TEXT_OFFSET = firstSectionOffset(0)
const BASE = 0x40_0000

/** A function some bytes behind the start of the code. */
const at = (name: string, offset: number, more: Partial<SymbolSource> = {}): SymbolSource => ({
  name,
  value: BASE + TEXT_OFFSET + offset,
  section: TEXT,
  ...more,
})

/** A symbol table, dynamic symbols, and for these the entries of `.gnu.version` and the names of versions 2, 3... */
interface Tables {
  symbols?: readonly SymbolSource[]
  dynamic?: readonly SymbolSource[]
  versions?: readonly number[]
  definitions?: readonly string[]
}

function sectionsOf({ symbols, dynamic, versions, definitions = [] }: Tables): SectionSource[] {
  const sections: SectionSource[] = [
    { name: '.text', type: sectionTypes.progbits, base: BASE, data: new Uint8Array(TEXT_SIZE) },
  ]
  if (symbols !== undefined) {
    const strings = new StringTableBuilder()
    const data = symbolTable(symbols, strings)
    sections.push({ name: '.symtab', type: sectionTypes.symtab, link: '.strtab', data })
    sections.push({ name: '.strtab', type: sectionTypes.strtab, data: strings.build() })
  }
  if (dynamic !== undefined) {
    const strings = new StringTableBuilder()
    const data = symbolTable(dynamic, strings)
    sections.push({ name: '.dynsym', type: sectionTypes.dynsym, link: '.dynstr', data })
    if (versions !== undefined) {
      const numbers = new Uint8Array(Uint16Array.of(0, ...versions).buffer)
      sections.push({ name: '.gnu.version', type: sectionTypes.versions, link: '.dynsym', data: numbers })
      sections.push({
        name: '.gnu.version_d',
        type: sectionTypes.versionDefinitions,
        link: '.dynstr',
        data: versionDefinitions(definitions, strings),
      })
    }
    sections.push({ name: '.dynstr', type: sectionTypes.strtab, data: strings.build() })
  }
  return sections
}

const parse = (sections: readonly SectionSource[]): ElfFile => ElfFile.parse(writeElf({ sections }), 'lib.so')
const file = (tables: Tables): ElfFile => parse(sectionsOf(tables))
/** Offset of a function from the start of the code. */
const find = (elf: ElfFile, name: string): number => functionOffset(elf, name) - TEXT_OFFSET
const none = (name: string) => ({
  instanceOf: ObjectFileError,
  message: `Function ${name} not found (lib.so)`,
})

test('a function lies as far into the file as into its section', t => {
  const elf = file({ symbols: [at('f', 0), at('g', 0x20)] })
  t.is(functionOffset(elf, 'f'), TEXT_OFFSET)
  t.is(functionOffset(elf, 'g'), TEXT_OFFSET + 0x20)
  t.deepEqual(functionOffsets(elf, ['g', 'f', 'g']), [TEXT_OFFSET + 0x20, TEXT_OFFSET, TEXT_OFFSET + 0x20])
  t.throws(() => functionOffsets(elf, ['f', 'h']), none('h'))
})

test('what is not a function of the file is not found', t => {
  const elf = file({
    symbols: [
      at('undefined', 0, { section: 0 }),
      at('data', 0, { type: 'object' }),
      at('absolute', 0, { section: 0xfff1 }),
      at('before', -1),
      at('behind', TEXT_SIZE),
      at('', 4),
    ],
  })
  for (const name of [
    'undefined',
    'data',
    'absolute',
    'before',
    'behind',
    '',
    '@',
    'toString',
    '__proto__',
  ]) {
    t.throws(() => functionOffset(elf, name), none(name))
  }
  t.deepEqual([...matchingFunctions(elf, () => true)], [])
})

test('a function in a section without bytes has no offset', t => {
  const [text, ...rest] = sectionsOf({ symbols: [at('f', 0)] })
  const elf = parse([
    { ...text!, type: sectionTypes.nobits, data: new Uint8Array(0), size: TEXT_SIZE },
    ...rest,
  ])
  t.throws(() => functionOffset(elf, 'f'), none('f'))
})

test('a file without symbols has no functions', t => {
  t.throws(() => functionOffset(file({}), 'f'), none('f'))
})

test('a dynamic symbol wins over a local one of the same name', t => {
  const elf = file({ symbols: [at('f', 0x10, { binding: 'local' })], dynamic: [at('f', 0x20)] })
  t.is(find(elf, 'f'), 0x20)
})

test('a strong symbol wins over a weak one', t => {
  t.is(find(file({ symbols: [at('f', 0x10, { binding: 'weak' }), at('f', 0x20)] }), 'f'), 0x20)
  t.is(find(file({ symbols: [at('f', 0x10, { binding: 'weak' })] }), 'f'), 0x10)
})

test('several symbols of one place are one function, of several places they are ambiguous', t => {
  const elf = file({ symbols: [at('f', 4), at('f', 4), at('g', 4, { binding: 'local' }), at('g', 8)] })
  t.is(find(elf, 'f'), 4)
  t.throws(() => functionOffset(elf, 'g'), {
    instanceOf: ObjectFileError,
    message: 'There are 2 functions g; give a version or an offset (lib.so)',
  })
})

test('an indirect function differs from one that does not exist', t => {
  const elf = file({ dynamic: [at('memcpy', 0, { type: 'ifunc' })] })
  t.throws(() => functionOffset(elf, 'memcpy'), {
    instanceOf: ObjectFileError,
    message: /^memcpy is an indirect function: .* \(lib\.so\)$/,
  })
  t.deepEqual([...matchingFunctions(elf, () => true)], [])
})

/** Version 2 is `V1`, version 3 is `V2`; the upper bit hides. */
const versioned = file({
  dynamic: [at('f', 0x10), at('f', 0x20), at('g', 0x30), at('local', 0x40), at('h', 0x50), at('h', 0x60)],
  versions: [0x8002, 3, 2, 0, 0x8002, 0x8003],
  definitions: ['V1', 'V2'],
})

test('versions of dynamic symbols', t => {
  t.is(find(versioned, 'f@V1'), 0x10)
  t.is(find(versioned, 'f@V2'), 0x20)
  t.is(find(versioned, 'f@@V2'), 0x20)
  t.is(find(versioned, 'f'), 0x20, 'the default version')
  t.is(find(versioned, 'g@V1'), 0x30)
  t.is(find(versioned, 'local'), 0x40)
  for (const name of ['g@V2', 'local@V1', 'f@V3', 'f@', 'f@V', 'f@V11']) {
    t.throws(() => functionOffset(versioned, name), none(name))
  }
})

test('a name that has only hidden versions is ambiguous', t => {
  t.throws(() => functionOffset(versioned, 'h'), { message: /^There are 2 functions h; give a version/ })
  t.is(find(versioned, 'h@V2'), 0x60)
})

test('versions that the linker wrote into names', t => {
  const elf = file({ symbols: [at('f@V1', 0x10), at('f@@V2', 0x20)] })
  t.is(find(elf, 'f@V1'), 0x10)
  t.is(find(elf, 'f@V2'), 0x20)
  t.is(find(elf, 'f'), 0x20)
  t.deepEqual(
    [...functionSymbols(elf)].map(({ name, version, hidden, dynamic }) => [name, version, hidden, dynamic]),
    [
      ['f', 'V1', true, false],
      ['f', 'V2', false, false],
    ],
  )
})

test('a pattern finds every place once, and names hidden versions', t => {
  const elf = file({
    symbols: [
      at('static', 0x80, { binding: 'local' }),
      at('static', 0x90, { binding: 'local' }),
      at('f', 0x20),
    ],
    dynamic: [at('f', 0x10), at('f', 0x20), at('alias', 0x20)],
    versions: [0x8002, 3, 3],
    definitions: ['V1', 'V2'],
  })
  const places = [...matchingFunctions(elf, () => true)].map(([offset, name]) => [offset - TEXT_OFFSET, name])
  t.deepEqual(places, [
    [0x10, 'f@V1'],
    [0x20, 'f'],
    [0x80, 'static'],
    [0x90, 'static'],
  ])
  t.is(matchingFunctions(elf, name => name === 'alias').size, 1)
})

/** The file of versions with one of its sections changed: cut to a size, or a number in it replaced. */
function damaged(
  name: string,
  { size, at: offset, value }: { size?: number; at?: number; value?: number },
): ElfFile {
  const sections = sectionsOf({
    dynamic: [at('f', 0x10), at('f', 0x20)],
    versions: [0x8002, 3],
    definitions: ['V1', 'V2'],
  })
  return parse(
    sections.map(section => {
      if (section.name !== name) return section
      const data = section.data!.slice(0, size)
      if (offset !== undefined) new DataView(data.buffer).setUint32(offset, value ?? 0, true)
      return { ...section, data }
    }),
  )
}

test('damaged tables of versions end in an error that names the place', t => {
  const definitions = '.gnu.version_d'
  const cases: readonly (readonly [ElfFile, RegExp])[] = [
    [damaged('.gnu.version', { size: 4 }), /^Truncated: .*\(lib\.so, section \.gnu\.version, offset 0x4\)$/],
    [damaged(definitions, { size: 0 }), /^Truncated: .*section \.gnu\.version_d, offset 0x4/],
    [damaged(definitions, { size: 30 }), /^Truncated: .*section \.gnu\.version_d/],
    // The next definition, its name, and the text of that.
    [damaged(definitions, { at: 16, value: 0x1000 }), /^Truncated: .*section \.gnu\.version_d/],
    [damaged(definitions, { at: 12, value: 0x1000 }), /^Truncated: .*section \.gnu\.version_d/],
    [damaged(definitions, { at: 20, value: 0x1000 }), /^Truncated: .*section \.dynstr/],
    [damaged('.dynsym', { size: 71 }), /^Symbol table of 71 bytes/],
  ]
  for (const [elf, message] of cases) {
    t.throws(() => functionOffset(elf, 'f'), { instanceOf: ObjectFileError, message })
  }
})

test('a chain of versions that does not advance ends', t => {
  const elf = damaged('.gnu.version_d', { at: 16, value: 4 })
  t.is(find(elf, 'f@V1'), 0x10)
  t.throws(() => functionOffset(elf, 'f@V2'), none('f@V2'))
})

test('a version needs a definition', t => {
  const elf = file({ dynamic: [at('f', 0x10)], versions: [9], definitions: ['V1'] })
  t.is(find(elf, 'f'), 0x10)
})

test('names that overlap absurdly are refused in bounded time', t => {
  const SIZE = 1 << 20
  const strings = new Uint8Array(SIZE).fill(0x61)
  strings[SIZE - 1] = 0
  // Each symbol's name begins one byte behind that of the one before: all of them together are 22 GB.
  const table = symbolTable(
    Array.from({ length: 1 << 15 }, () => at('', 0)),
    new StringTableBuilder(),
  )
  const view = new DataView(table.buffer)
  for (let i = 1; i * 24 < table.length; i++) view.setUint32(i * 24, i, true)
  const sections = [
    { name: '.text', type: sectionTypes.progbits, data: new Uint8Array(TEXT_SIZE) },
    { name: '.dynsym', type: sectionTypes.dynsym, link: '.dynstr', data: table },
    { name: '.dynstr', type: sectionTypes.strtab, data: strings },
  ]
  t.throws(() => functionOffset(parse(sections), 'f'), {
    instanceOf: ObjectFileError,
    message: /^Strings overlap too often \(lib\.so, section \.dynstr, offset 0x9\)$/,
  })
})

test('whatever the bytes, there is an offset in the file or an ObjectFileError', t => {
  const bytes = writeElf({
    sections: sectionsOf({
      symbols: [at('g', 0x30)],
      dynamic: [at('f', 0x10), at('f', 0x20)],
      versions: [0x8002, 3],
      definitions: ['V1', 'V2'],
    }),
  })
  const change = fc.record({ at: fc.nat(bytes.length - 1), value: fc.integer({ min: 0, max: 255 }) })
  const length = fc.integer({ min: 0, max: bytes.length })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), fc.option(length), (changes, cut) => {
      const hostile = bytes.slice(0, cut ?? bytes.length)
      for (const { at, value } of changes) if (at < hostile.length) hostile[at] = value
      try {
        const elf = ElfFile.parse(hostile)
        const offsets = [...matchingFunctions(elf, () => true).keys(), functionOffset(elf, 'f@V1')]
        return offsets.every(each => Number.isSafeInteger(each) && each >= 0 && each < hostile.length)
      } catch (error) {
        if (error instanceof ObjectFileError) return true
        throw error
      }
    }),
    { numRuns: 2000 },
  )
  t.pass()
})
