import test from 'ava'
import fc from 'fast-check'
import { BpfError, ObjectFileError } from '../../../src/base/errors.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import {
  EM_386,
  EM_ARM,
  EM_X86_64,
  ET_DYN,
  ET_EXEC,
  PF_R,
  PF_W,
  sectionTypes,
} from '../../../src/elf/format.ts'
import { ELF32, ELF64 } from '../../../src/elf/layout.ts'
import { functionOffset, functionOffsets, matchingFunctions } from '../../../src/elf/symbol-offset.ts'
import {
  firstSectionOffset,
  type SectionSource,
  type SegmentSource,
  StringTableBuilder,
  symbolTable,
  writeElf,
} from '../../../src/elf/write.ts'
import { spreadElf } from '../../support/elf/files.ts'
import {
  at,
  BASE,
  CODE,
  file,
  find,
  NOT_MAPPED,
  none,
  parse,
  STRIPPED,
  sectionsOf,
  TEXT,
  TEXT_OFFSET,
  TEXT_SIZE,
} from '../../support/elf/symbol-tables.ts'

test('a function lies as far into the file as into its section', t => {
  const elf = file({ symbols: [at('f', 0), at('g', 0x20)] })
  t.is(functionOffset(elf, 'f'), TEXT_OFFSET)
  t.is(functionOffset(elf, 'g'), TEXT_OFFSET + 0x20)
  t.deepEqual(functionOffsets(elf, ['g', 'f', 'g']), [TEXT_OFFSET + 0x20, TEXT_OFFSET, TEXT_OFFSET + 0x20])
  t.throws(() => functionOffsets(elf, ['f', 'h']), none('h'))
})

test('what is not a function of the file is not found, and the error says why', t => {
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
  for (const [name, why] of [
    ['undefined', ': the file imports it; it is defined elsewhere'],
    ['data', ': data is not a function'],
    ['absolute', NOT_MAPPED],
    ['before', NOT_MAPPED],
    ['behind', NOT_MAPPED],
    ['', ''],
    ['@', ''],
    ['toString', ''],
    ['__proto__', ''],
  ] as const) {
    t.throws(() => functionOffset(elf, name), none(name, why), name)
  }
  t.deepEqual([...matchingFunctions(elf, () => true)], [])
})

test('a function in a segment without bytes has no offset', t => {
  const [text, ...rest] = sectionsOf({ symbols: [at('f', 0)] })
  const elf = parse([
    { ...text!, type: sectionTypes.nobits, data: new Uint8Array(0), size: TEXT_SIZE },
    ...rest,
  ])
  t.throws(() => functionOffset(elf, 'f'), none('f', NOT_MAPPED))
})

test('a file without symbols has no functions, and one without its symbol table says so', t => {
  t.throws(
    () => functionOffset(file({}), 'f'),
    none('f', ': the file is stripped, it has no symbols; give an offset'),
  )
  t.throws(() => functionOffset(file({ dynamic: [at('g', 0)] }), 'f'), none('f', STRIPPED))
  const bytes = writeElf({ sections: sectionsOf({ symbols: [at('f', 0)] }), segments: [CODE] })
  // What sstrip leaves: neither the headers of sections nor their number.
  const view = new DataView(bytes.buffer)
  view.setBigUint64(ELF64.header.sections, 0n, true)
  view.setUint16(60, 0, true)
  t.throws(
    () => functionOffset(ElfFile.parse(bytes, 'lib.so'), 'f'),
    none('f', ': the file has no section headers, so that its symbols cannot be found; give an offset'),
  )
})

test('a relocatable object is not mapped anywhere', t => {
  const elf = ElfFile.parse(
    writeElf({
      sections: [{ name: '.text', data: new Uint8Array(8) }],
      symbols: [{ name: 'f', section: 1 }],
    }),
    'lib.so',
  )
  t.throws(
    () => functionOffset(elf, 'f'),
    none('f', ': the file is not a program or library, none of it is mapped into memory'),
  )
})

test('an imported function is looked for in the libraries that the file needs', t => {
  for (const bits of [32, 64] as const) {
    const word = bits / 8
    const strings = new StringTableBuilder()
    const dynamic = new Uint8Array(6 * word)
    const view = new DataView(dynamic.buffer)
    for (const [index, name] of ['libm.so.6', 'libc.so.6'].entries()) {
      view.setUint32(2 * word * index, 1, true)
      view.setUint32(2 * word * index + word, strings.add(name), true)
    }
    const layout = bits === 32 ? ELF32 : ELF64
    const symbols = [at('malloc', 0, { section: 0, value: 0 })]
    const data = symbolTable(symbols, strings, 'little', layout)
    const sections: SectionSource[] = [
      { name: '.text', data: new Uint8Array(TEXT_SIZE) },
      { name: '.dynamic', type: sectionTypes.dynamic, link: '.dynstr', data: dynamic },
      { name: '.dynsym', type: sectionTypes.dynsym, link: '.dynstr', data },
      { name: '.dynstr', type: sectionTypes.strtab, data: strings.build() },
    ]
    const elf = ElfFile.parse(writeElf({ bits, sections, segments: [CODE], type: ET_DYN }), 'lib.so')
    t.throws(
      () => functionOffset(elf, 'malloc'),
      none('malloc', ': the file imports it; look in libm.so.6, libc.so.6'),
    )
  }
})

test('segments say where in the file an address lies, not sections', t => {
  // The code is mapped at another address than its section says, as after prelinking or packing.
  const elsewhere = { ...CODE, address: 0x1000 }
  const symbols = [
    { name: 'f', section: TEXT, value: 0x1000 + 0x20 },
    { name: 'g', section: TEXT, value: BASE + TEXT_OFFSET },
  ]
  const elf = parse(sectionsOf({ symbols }), [elsewhere])
  t.is(functionOffset(elf, 'f'), TEXT_OFFSET + 0x20)
  t.throws(() => functionOffset(elf, 'g'), none('g', NOT_MAPPED))
  t.deepEqual([...matchingFunctions(elf, () => true)], [[TEXT_OFFSET + 0x20, 'f']])
})

test('of segments at one address, the one that may be executed counts', t => {
  const data: SegmentSource = { flags: PF_R | PF_W, address: BASE }
  const offset = firstSectionOffset(2)
  const code = { ...CODE, address: BASE + offset }
  const symbols = [{ name: 'f', section: TEXT, value: BASE + offset + 4 }]
  t.is(functionOffset(parse(sectionsOf({ symbols }), [data, code]), 'f'), offset + 4)
  t.throws(() => functionOffset(parse(sectionsOf({ symbols }), [data]), 'f'), none('f', NOT_MAPPED))
})

test('files of 32 bits, of both byte orders', t => {
  const offset = firstSectionOffset(1, 8, ELF32)
  const text = { name: '.text', base: BASE, data: new Uint8Array(TEXT_SIZE) }
  for (const byteOrder of ['little', 'big'] as const) {
    const bytes = writeElf({
      bits: 32,
      byteOrder,
      type: ET_EXEC,
      machine: EM_386,
      segments: [{ ...CODE, address: 0xc000_0000 }],
      sections: [text],
      symbols: [
        { name: 'f', section: 1, value: 0xc000_0000 },
        { name: 'g', section: 1, value: 0xc000_0020, size: 8 },
      ],
    })
    const elf = ElfFile.parse(bytes, 'lib.so')
    t.deepEqual([elf.bits, elf.byteOrder, elf.machine], [32, byteOrder, EM_386])
    t.deepEqual(functionOffsets(elf, ['g', 'f']), [offset + 0x20, offset])
    t.is(elf.symbols.find(({ name }) => name === 'g')?.size, 8)
    t.throws(() => elf.relocations(elf.sections[1]!), { instanceOf: ObjectFileError })
  }
})

test('the lowest bit of an address in Thumb code is not part of it', t => {
  const offset = firstSectionOffset(1, 8, ELF32)
  for (const [machine, expected] of [
    [EM_ARM, offset + 0x20],
    [EM_386, offset + 0x21],
  ] as const) {
    const bytes = writeElf({
      bits: 32,
      type: ET_EXEC,
      machine,
      segments: [{ ...CODE, address: 0x8000 }],
      sections: [{ name: '.text', data: new Uint8Array(TEXT_SIZE) }],
      symbols: [{ name: 'f', section: 1, value: 0x8021 }],
    })
    t.is(functionOffset(ElfFile.parse(bytes), 'f'), expected)
  }
})

test('a file larger than memory is read where it is needed', t => {
  // Eight terabytes of nothing between the headers of segments, and the rest.
  const GAP = 2 ** 43
  const bytes = writeElf({
    sections: sectionsOf({ symbols: [at('f', 0x10)] }),
    segments: [CODE],
    type: ET_EXEC,
    machine: EM_X86_64,
  })
  const { head, tail } = spreadElf(bytes, GAP)
  let read = 0
  const source = {
    size: tail.length + GAP,
    read(offset: number, length: number): Uint8Array {
      read += length
      return offset < GAP
        ? head.subarray(offset, offset + length)
        : tail.subarray(offset - GAP, offset - GAP + length)
    },
  }
  const elf = ElfFile.from(source, 'lib.so')
  t.is(functionOffset(elf, 'f'), GAP + TEXT_OFFSET + 0x10)
  t.true(read < bytes.length)
})

test('the tables of symbols are read once, also to explain what is missing', t => {
  const bytes = writeElf({
    sections: sectionsOf({ symbols: [at('f', 0)], dynamic: [at('g', 4)] }),
    segments: [CODE],
    type: ET_EXEC,
    machine: EM_X86_64,
  })
  const reads: string[] = []
  const read = (offset: number, length: number): Uint8Array => {
    reads.push(`${offset} ${length}`)
    return bytes.subarray(offset, offset + length)
  }
  const elf = ElfFile.from({ size: bytes.length, read }, 'lib.so')
  const tables = ['.symtab', '.strtab', '.dynsym', '.dynstr'].map(name => {
    const { offset, size } = elf.section(name)!
    return `${offset} ${size}`
  })
  t.throws(() => functionOffset(elf, 'missing'), none('missing'))
  for (const table of tables) t.is(reads.filter(each => each === table).length, 1)
})

test('segment headers that are not in the file are refused', t => {
  const bytes = writeElf({ sections: sectionsOf({ symbols: [at('f', 0)] }), segments: [CODE] })
  const cases: readonly (readonly [(view: DataView) => void, RegExp])[] = [
    [view => view.setUint16(56, 9999, true), /^Truncated: segment table needs 559944 bytes/],
    [view => view.setBigUint64(32, 1n << 40n, true), /^Truncated: segment table needs 56 bytes/],
    [view => view.setUint16(54, 32, true), /^Segment headers of 32 bytes .*offset 0x36/],
  ]
  for (const [edit, message] of cases) {
    const copy = bytes.slice()
    edit(new DataView(copy.buffer))
    t.throws(() => functionOffset(ElfFile.parse(copy, 'lib.so'), 'f'), {
      instanceOf: ObjectFileError,
      message,
    })
  }
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
    code: 'ERR_AMBIGUOUS',
    message: 'There are 2 functions g; give a version or an offset (lib.so)',
  })
})

test('an indirect function differs from one that does not exist', t => {
  const elf = file({ dynamic: [at('memcpy', 0, { type: 'ifunc' })] })
  t.throws(() => functionOffset(elf, 'memcpy'), {
    code: 'ENOENT',
    message: /^memcpy is an indirect function: .* \(lib\.so\)$/,
  })
  t.deepEqual([...matchingFunctions(elf, () => true)], [])
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

test('whatever the bytes, there is an offset in the file or a BpfError', t => {
  const bytes = writeElf({
    sections: sectionsOf({
      symbols: [at('g', 0x30)],
      dynamic: [at('f', 0x10), at('f', 0x20)],
      versions: [0x8002, 3],
      definitions: ['V1', 'V2'],
    }),
    segments: [CODE],
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
        if (error instanceof BpfError) return true
        throw error
      }
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

test('a function is found alone as among many, and whatever other names are', t => {
  const names = Array.from({ length: 40 }, (_, i) => `f${i}`)
  const symbols = [...names.map((name, i) => at(name, 4 * i)), at('f1longer', 0xf0), at('f2@@V1', 0xf4)]
  const elf = file({ symbols })
  const among = functionOffsets(elf, names.slice(3))
  t.deepEqual(
    among,
    names.slice(3).map(name => functionOffset(elf, name)),
  )
  t.is(functionOffset(elf, 'f1'), among[0]! - 8)
  t.throws(() => functionOffset(elf, 'f1longe'), { code: 'ENOENT' })
  t.throws(() => functionOffset(elf, 'f2'), { message: /^There are 2 functions f2/ })
  t.is(functionOffset(elf, 'f2@V1'), among[0]! + 0xf4 - 12)
  t.throws(() => functionOffset(elf, ''), { code: 'ENOENT' })
})
