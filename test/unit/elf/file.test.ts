import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { exit } from '../../../src/asm/jumps.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import { sectionTypes } from '../../../src/elf/format.ts'
import { writeElf } from '../../../src/elf/write.ts'
import { code } from '../../support/elf/files.ts'

const path = 'test/bpf/functions.bpf.o'
const real = new Uint8Array(readFileSync(path))

/** A small file: one function that ends at once. */
const small = writeElf({
  sections: [code('socket', [exit()])],
  symbols: [{ name: 'f', section: 1, size: 8 }],
})

function edited(edit: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(small)
  edit(new DataView(bytes.buffer))
  return bytes
}

function refuses(
  t: ExecutionContext,
  bytes: Uint8Array,
  reason: string,
  place: { section?: string; offset: number },
): void {
  const error = t.throws(() => ElfFile.parse(bytes, 'x.o').symbols, { instanceOf: ObjectFileError })
  t.is(error?.reason, reason)
  t.is(error?.file, 'x.o')
  t.is(error?.section, place.section)
  t.is(error?.offset, place.offset)
}

test('sections and symbols are those that llvm-readelf shows', t => {
  const file = ElfFile.parse(real, path)
  t.deepEqual([file.type, file.machine, file.byteOrder], [1, 247, 'little'])
  t.is(file.fileSize, real.length)
  t.deepEqual(
    file.sections.filter(({ type }) => type === sectionTypes.progbits).map(({ name }) => name),
    ['.text', 'socket', '?socket', '.maps', 'license', '.BTF', '.BTF.ext'],
  )
  t.is(file.section('socket')?.size, 192)
  t.is(file.section('.bss')?.type, sectionTypes.nobits)
  t.is(file.section('no'), undefined)
  t.is(file.symbols.length, 19)
  const symbol = (name: string) => file.symbols.find(each => each.name === name)
  t.deepEqual(symbol('minus_one'), {
    name: 'minus_one',
    type: 'func',
    binding: 'global',
    visibility: 'hidden',
    section: 2,
    value: 0x70,
    size: 56,
  })
  t.is(symbol('add_three')?.binding, 'local')
  t.is(symbol('identity')?.binding, 'weak')
  t.is(symbol('calls')?.type, 'object')
  t.is(file.sectionOf(symbol('slot')!)?.name, '.bss')
})

test('relocations are in the order of the file', t => {
  const file = ElfFile.parse(real, path)
  t.deepEqual(
    file.relocations(file.section('socket')!).map(({ offset, symbol }) => [offset, symbol.name]),
    [
      [0x18, 'identity'],
      [0x28, 'minus_one'],
      [0x40, ''],
      [0x58, 'times_two'],
      [0x80, 'slot'],
      [0x98, 'programs'],
    ],
  )
  const [, , call] = file.relocations(file.section('socket')!)
  t.deepEqual([call?.type, call?.symbol.type, file.sectionOf(call!.symbol)?.name], [10, 'section', '.text'])
  t.deepEqual(file.relocations(file.section('license')!), [])
})

test('each section has its symbols, and a name the first section that has it', t => {
  const file = ElfFile.parse(real, path)
  for (const section of file.sections) {
    t.deepEqual(
      file.symbolsIn(section),
      file.symbols.filter(each => each.section === section.index),
    )
  }
  const two = [1, 2].map(byte => ({ name: 'same', data: Uint8Array.of(byte) }))
  const made = ElfFile.parse(writeElf({ sections: two, symbols: [] }))
  t.deepEqual([...made.data(made.section('same')!)], [1])
})

test('contents are views, empty where the file has none', t => {
  const file = ElfFile.parse(real, path)
  t.is(new TextDecoder().decode(file.data(file.section('license')!)), 'Dual MIT/GPL\0')
  t.is(file.data(file.section('license')!).buffer, real.buffer)
  t.is(file.data(file.section('.bss')!).length, 0)
})

test('hand-made files of both byte orders', t => {
  for (const byteOrder of ['little', 'big'] as const) {
    const file = ElfFile.parse(
      writeElf({ sections: [{ name: 'a', data: Uint8Array.of(1, 2) }], symbols: [], byteOrder }),
    )
    t.is(file.byteOrder, byteOrder)
    t.deepEqual([...file.data(file.section('a')!)], [1, 2])
  }
})

test('more sections than fit the header are counted in section 0', t => {
  const bytes = edited(view => {
    const table = Number(view.getBigUint64(40, true))
    view.setBigUint64(table + 32, BigInt(view.getUint16(60, true)), true)
    view.setUint32(table + 40, view.getUint16(62, true), true)
    view.setUint16(60, 0, true)
    view.setUint16(62, 0xffff, true)
  })
  t.deepEqual(
    ElfFile.parse(bytes).sections.map(({ name }) => name),
    ElfFile.parse(small).sections.map(({ name }) => name),
  )
})

test('what is given for ELF by mistake is named', t => {
  const bitcode = Uint8Array.of(0x42, 0x43, 0xc0, 0xde, 0x35)
  t.throws(() => ElfFile.parse(bitcode, 'x.o'), {
    instanceOf: ObjectFileError,
    message: /^Not an ELF file: it is LLVM bitcode, .*clang -target bpf -c.*\(x\.o, offset 0x0\)$/,
  })
  t.throws(() => ElfFile.parse(new TextEncoder().encode('!<arch>\n')), {
    message: /: it is an archive of objects/,
  })
})

test('only ELF files of 32 and 64 bits are accepted', t => {
  refuses(t, new Uint8Array(0), 'Not an ELF file: it is empty', { offset: 0 })
  refuses(t, Uint8Array.of(0x9f, 0xeb, 1, 0), 'Not an ELF file: it is raw BTF', { offset: 0 })
  refuses(t, new TextEncoder().encode('#!/bin/sh'), 'Not an ELF file', { offset: 0 })
  refuses(t, small.subarray(0, 63), 'Truncated: ELF header needs 64 bytes at its offset, in a total of 63', {
    offset: 0,
  })
  refuses(
    t,
    edited(view => view.setUint8(4, 3)),
    'Unknown ELF class 3',
    { offset: 4 },
  )
  refuses(
    t,
    edited(view => view.setUint8(5, 3)),
    'Unknown ELF byte order 3',
    { offset: 5 },
  )
})

test('a header that lies about the byte order is refused', t => {
  t.throws(
    () =>
      ElfFile.parse(
        edited(view => view.setUint8(5, 2)),
        'x.o',
      ),
    {
      instanceOf: ObjectFileError,
      message:
        /^Impossible size \d+ \(x\.o, offset 0x28\)$|^Section headers of 16384 bytes \(x\.o, offset 0x3a\)$/,
    },
  )
})

test('section tables that do not fit are refused', t => {
  const table = Number(new DataView(small.buffer).getBigUint64(40, true))
  const size = small.length
  refuses(
    t,
    edited(view => view.setUint16(58, 40, true)),
    'Section headers of 40 bytes',
    { offset: 58 },
  )
  refuses(
    t,
    edited(view => view.setBigUint64(40, 1n << 60n, true)),
    `Impossible size ${1n << 60n}`,
    { offset: 40 },
  )
  refuses(
    t,
    edited(view => view.setUint16(60, 0xfeff, true)),
    `Truncated: section table needs ${0xfeff * 64} bytes at its offset, in a total of ${size}`,
    { offset: table },
  )
  refuses(
    t,
    edited(view => {
      view.setUint16(60, 0, true)
      view.setBigUint64(table + 32, 1n << 40n, true)
    }),
    `Truncated: section table needs ${2 ** 46} bytes at its offset, in a total of ${size}`,
    { offset: table },
  )
  refuses(
    t,
    edited(view => view.setUint16(62, 1, true)),
    'Section 1 holds no section names',
    { offset: 62 },
  )
  refuses(
    t,
    edited(view => view.setUint16(62, 99, true)),
    'Section 99 holds no section names',
    { offset: 62 },
  )
  refuses(
    t,
    edited(view => view.setBigUint64(table + 64 + 32, 1n << 33n, true)),
    `Truncated: section 1 needs ${2 ** 33} bytes at its offset, in a total of ${size}`,
    { offset: 64 },
  )
})

test('symbols in sections that do not exist are refused', t => {
  const bytes = writeElf({
    sections: [code('socket', [exit()])],
    symbols: [{ name: 'f', section: 77, size: 8 }],
  })
  refuses(t, bytes, 'Symbol in section 77 of 5', { section: '.symtab', offset: 24 })
  const extended = writeElf({
    sections: [code('socket', [exit()])],
    symbols: [{ name: 'f', section: 0xffff }],
  })
  refuses(t, extended, 'Symbol in a section with an extended number', { section: '.symtab', offset: 24 })
})

test('symbols in no section are kept', t => {
  const file = ElfFile.parse(
    writeElf({
      sections: [code('socket', [exit()])],
      symbols: [
        { name: 'absolute', section: 0xfff1 },
        { name: 'undefined', section: 0 },
      ],
    }),
  )
  t.deepEqual(
    file.symbols.slice(1).map(each => file.sectionOf(each)),
    [undefined, undefined],
  )
})

test('relocations of symbols and places that do not exist are refused', t => {
  const relocated = (offset: number, symbol: number): ElfFile =>
    ElfFile.parse(
      writeElf({
        sections: [code('socket', [exit()], { relocations: [{ offset, symbol }] })],
        symbols: [{ name: 'f', section: 1, size: 8 }],
      }),
    )
  for (const [offset, symbol, message] of [
    [0, 9, 'Relocation of symbol 9, which does not exist (section .relsocket, offset 0x0)'],
    [8, 1, 'Relocation of offset 8 in 8 bytes (section .relsocket, offset 0x0)'],
  ] as const) {
    const file = relocated(offset, symbol)
    t.throws(() => file.relocations(file.section('socket')!), { instanceOf: ObjectFileError, message })
  }
})

test('cut off at any place it is refused, or whole up to there', t => {
  for (let length = 0; length < small.length; length++) {
    t.throws(() => ElfFile.parse(small.subarray(0, length)).symbols, { instanceOf: ObjectFileError })
  }
})
