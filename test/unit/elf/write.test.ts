import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import fc from 'fast-check'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import {
  EM_AARCH64,
  EM_BPF,
  ET_EXEC,
  ET_REL,
  PF_R,
  PF_X,
  R_BPF_64_32,
  SHF_ALLOC,
  SHF_EXECINSTR,
  sectionTypes,
  symbolBindings,
  symbolTypes,
} from '../../../src/elf/format.ts'
import {
  type ElfSource,
  firstSectionOffset,
  StringTableBuilder,
  type SymbolSource,
  writeElf,
} from '../../../src/elf/write.ts'
import { callAt, code } from '../../support/elf/files.ts'

const types = Object.keys(symbolTypes) as (keyof typeof symbolTypes)[]

const anySymbol: fc.Arbitrary<Required<SymbolSource>> = fc.record({
  name: fc.stringMatching(/^[a-z.]{1,8}$/),
  type: fc.constantFrom(...types),
  binding: fc.constantFrom(...symbolBindings),
  section: fc.constantFrom(0, 1, 2, 0xfff1),
  value: fc.nat(),
  size: fc.nat(),
})

test('what is written is read again, in both byte orders', t => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 40 }),
      fc.array(anySymbol, { maxLength: 6 }),
      fc.constantFrom('little' as const, 'big' as const),
      (data, symbols, byteOrder) => {
        const sections = [
          { name: 'first', data, alignment: 1 },
          { name: 'second', type: sectionTypes.nobits, size: 1 << 20, flags: SHF_ALLOC },
        ]
        const file = ElfFile.parse(writeElf({ sections, symbols, byteOrder }))
        t.deepEqual([file.type, file.machine, file.byteOrder], [ET_REL, EM_BPF, byteOrder])
        t.deepEqual(file.data(file.section('first')!), data)
        t.like(file.section('second'), { type: sectionTypes.nobits, size: 1 << 20, flags: SHF_ALLOC })
        t.deepEqual(
          file.symbols.slice(1),
          symbols.map(each => ({ ...each, visibility: 'default' as const })),
        )
      },
    ),
    { numRuns: 100 },
  )
})

test('relocations are read again', t => {
  const relocations = [{ offset: 0, symbol: 2, type: R_BPF_64_32 }]
  const file = ElfFile.parse(
    writeElf({
      sections: [code('socket', [callAt(-1), exit()], { relocations })],
      symbols: [
        { name: 'main', section: 1, size: 16 },
        { name: 'helper', section: 0 },
      ],
    }),
  )
  t.deepEqual(
    file.relocations(file.section('socket')!).map(({ offset, type, symbol }) => [offset, type, symbol.name]),
    [[0, R_BPF_64_32, 'helper']],
  )
})

/** An object with everything that one can have. */
const whole: ElfSource = {
  sections: [
    code('socket', [mov(r0, 0), callAt(-1), exit()], {
      relocations: [{ offset: 8, symbol: 3, type: R_BPF_64_32 }],
    }),
    { name: 'license', data: new TextEncoder().encode('GPL\0'), alignment: 1 },
    { name: '.bss', type: sectionTypes.nobits, size: 12, flags: SHF_ALLOC, alignment: 4 },
  ],
  symbols: [
    { name: 'counter', type: 'object', binding: 'local', section: 3, value: 4, size: 8 },
    { name: 'main', section: 1, size: 24 },
    { name: 'elsewhere', section: 0, type: 'notype' },
  ],
}

test('the same input gives the same bytes', t => {
  t.deepEqual(writeElf(whole), writeElf(whole))
})

test('names and contents lie where their alignment wants them', t => {
  const sections = [
    { name: 'a', data: new Uint8Array(3), alignment: 1 },
    { name: 'b', data: new Uint8Array(1), alignment: 32 },
    { name: 'c', data: new Uint8Array(1) },
  ]
  const file = ElfFile.parse(writeElf({ sections }))
  t.deepEqual(
    ['a', 'b', 'c'].map(name => file.section(name)!.offset),
    [64, 96, 104],
  )
  t.is(firstSectionOffset(0, 1), 64)
  t.is(firstSectionOffset(2, 16), 176)
})

test('each string is in a table once', t => {
  const strings = new StringTableBuilder()
  t.deepEqual(
    ['', 'a', 'bc', 'a', ''].map(each => strings.add(each)),
    [0, 1, 3, 1, 0],
  )
  t.is(new TextDecoder().decode(strings.build()), '\0a\0bc\0')
})

test('what does not fit together is refused', t => {
  const section = { name: 'a', data: new Uint8Array(8) }
  const missing = { instanceOf: RangeError, message: 'Cannot write an ELF file: it has no section b' }
  t.throws(() => writeElf({ sections: [{ ...section, link: 'b' }] }), missing)
  t.throws(
    () => writeElf({ sections: [section], segments: [{ flags: PF_R, address: 0, last: 'b' }] }),
    missing,
  )
  t.throws(() => writeElf({ sections: [{ ...section, relocations: [] }] }), {
    instanceOf: RangeError,
    message: 'Cannot write an ELF file: a has relocations, but there are no symbols',
  })
})

test('no more sections are written than have a number', t => {
  const many = (count: number): ElfSource => ({
    sections: Array.from({ length: count }, (_, i) => ({ name: `s${i}` })),
  })
  // Section 0, these, and the names.
  const most = 0xff00 - 3
  t.is(ElfFile.parse(writeElf(many(most))).sections.length, most + 2)
  t.throws(() => writeElf(many(most + 1)), {
    instanceOf: RangeError,
    message: 'Cannot write an ELF file: 65279 sections are too many',
  })
})

/** Output of `readelf`, where it is installed. */
function readelf(t: { teardown(act: () => void): void }, source: ElfSource, option: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-elf-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = join(directory, 'file')
  writeFileSync(path, writeElf(source))
  return execFileSync('readelf', ['--wide', option, path], { encoding: 'utf8' })
}

const readelfTest = spawnSync('readelf', ['--version']).status === 0 ? test : test.skip

readelfTest('readelf finds no fault with an object, and sees what is in it', t => {
  const sections = readelf(t, whole, '--sections')
  t.regex(sections, /\[ 1\] socket +PROGBITS +0+ 000040 000018 00 +X +0 +0 +8/)
  t.regex(sections, /\[ 3\] \.bss +NOBITS +0+ \w+ 00000c 00 +A +0 +0 +4/)
  // The first symbol that is not local has number 2.
  t.regex(sections, /\.symtab +SYMTAB +0+ \w+ 000060 18 +5 +2 +8/)
  t.regex(sections, /\.relsocket +REL +0+ \w+ 000010 10 +4 +1 +8/)
  const symbols = readelf(t, whole, '--symbols')
  t.regex(symbols, /1: 0+4 +8 OBJECT +LOCAL +DEFAULT +3 counter/)
  t.regex(symbols, /2: 0+ +24 FUNC +GLOBAL +DEFAULT +1 main/)
  t.regex(symbols, /3: 0+ +0 NOTYPE +GLOBAL +DEFAULT +UND elsewhere/)
})

readelfTest('readelf sees the segments of a program', t => {
  const source: ElfSource = {
    type: ET_EXEC,
    machine: EM_AARCH64,
    entry: 0x400078,
    segments: [{ flags: PF_R | PF_X, address: 0x400000, last: '.text' }],
    sections: [{ name: '.text', flags: SHF_ALLOC | SHF_EXECINSTR, base: 0x400000, data: new Uint8Array(12) }],
  }
  const text = readelf(t, source, '--segments')
  t.regex(text, /EXEC .*\nEntry point 0x400078/)
  t.regex(text, /LOAD +0x0+ 0x0+400000 0x0+400000 0x000084 0x000084 R E 0x10000/)
  t.regex(text, /00 +\.text/)
})
