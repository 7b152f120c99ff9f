import test from 'ava'
import { mov } from '../../../src/asm/alu.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { LDIMM64 } from '../../../src/asm/opcodes.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import { SHF_ALLOC, SHF_WRITE, sectionTypes } from '../../../src/elf/format.ts'
import { type SectionSource, writeElf } from '../../../src/elf/write.ts'
import { inspectObject } from '../../../src/inspect/inspect.ts'
import { code } from '../../support/elf/files.ts'
import { withSections } from '../../support/elf/many-sections.ts'

const program = code('socket', [mov(r0, 0), exit()])

/** An object whose section 1 is this one, and 70,000 others are like it. */
function many(section: SectionSource): Uint8Array {
  const file = writeElf({
    sections: [section, program],
    symbols: [{ name: 'main', section: 2, size: 16 }],
    byteOrder: 'little',
  })
  return withSections(file, 70_000)
}

const kinds: [what: string, section: SectionSource][] = [
  ['data', { name: '.data.x', data: new Uint8Array(8), flags: SHF_ALLOC | SHF_WRITE }],
  ['zeros', { name: '.bss.x', type: sectionTypes.nobits, size: 8, flags: SHF_ALLOC | SHF_WRITE }],
  ['code', code('.text.x', [exit()])],
  ['programs', code('socket', [exit()])],
  ['maps', { name: 'maps', data: new Uint8Array(20) }],
  ['unknown types', { name: '.future', type: 0x6fff_1234, data: new Uint8Array(8) }],
]
for (const [what, section] of kinds) {
  test(`objects with 70,000 sections of ${what} are read`, t => {
    const bytes = many(section)
    t.true(ElfFile.parse(bytes).sections.length > 70_000)
    const spec = CollectionSpec.parse(bytes)
    t.true(spec.programs.has('main'))
    t.is(inspectObject(spec).programs.length, spec.programs.size)
  })
}

const zeros = (size: number): Uint8Array =>
  writeElf({
    sections: [program, { name: '.bss', type: sectionTypes.nobits, size, flags: SHF_ALLOC | SHF_WRITE }],
    symbols: [{ name: 'main', section: 1, size: 16 }],
  })

test('variables beyond what a map can hold are refused without a limit too', t => {
  for (const size of [2 ** 32, 2 ** 40, 2 ** 52]) {
    t.throws(() => CollectionSpec.parse(zeros(size), 'x.o', { maxZeroBytes: Number.POSITIVE_INFINITY }), {
      instanceOf: ObjectFileError,
      message: `${size} bytes of variables are more than the 4294967295 that a map can hold (x.o, section .bss, offset 0x0)`,
    })
  }
})

test('limits that are negative or not numbers are refused', t => {
  for (const limit of [Number.NaN, -1]) {
    t.throws(() => CollectionSpec.parse(zeros(8), 'x.o', { maxZeroBytes: limit }), {
      instanceOf: RangeError,
      message: `Cannot read an object: maxZeroBytes ${limit} is negative or not a number`,
    })
    t.throws(() => ElfFile.parse(zeros(8), 'x.o', { maxOverlap: limit }), { instanceOf: RangeError })
  }
})

test('headers of more than a million sections are refused before they are read', t => {
  const start = writeElf({ sections: [program], symbols: [] }).slice()
  const view = new DataView(start.buffer)
  const tableAt = Number(view.getBigUint64(40, true))
  view.setUint16(60, 0, true)
  view.setBigUint64(tableAt + 32, BigInt(2 ** 24), true)
  let read = 0
  // A sparse file: zeros behind its start.
  const source = {
    size: 2 ** 34,
    read(offset: number, length: number): Uint8Array {
      read += length
      const bytes = new Uint8Array(length)
      bytes.set(start.subarray(offset, offset + length))
      return bytes
    },
  }
  t.throws(() => ElfFile.from(source, 'x.o'), {
    instanceOf: ObjectFileError,
    message: /^16777216 sections are more than the limit of 1048576/,
  })
  t.true(read < 4096)
})

test('a program with 70,000 loads of a jump table among 70,000 symbols is read', t => {
  const count = 70_000
  const load: Instruction = { opcode: LDIMM64, dst: 1, src: 0, offset: 0, imm: 0n }
  const relocations = Array.from({ length: count }, (_, index) => ({ offset: 16 * index, symbol: 2 }))
  const none = Array.from({ length: count }, (_, index) => ({
    name: `none${index}`,
    type: 'object' as const,
    section: 2,
  }))
  const bytes = writeElf({
    sections: [
      code('socket', Array.from({ length: count }, () => load).concat(exit()), { relocations }),
      { name: '.jumptables', data: new Uint8Array(16) },
    ],
    symbols: [
      { name: 'main', section: 1, size: 16 * count + 8 },
      { name: '', type: 'section', section: 2 },
      ...none,
      { name: 'long', type: 'object', section: 2, size: 16 },
    ],
  })
  const { instructions } = CollectionSpec.parse(bytes).programs.get('main')
  t.deepEqual(instructions.at(-2)!.reference, {
    kind: 'jump_table',
    name: 'long',
    labels: ['main', 'main'],
    offset: 0,
  })
})
