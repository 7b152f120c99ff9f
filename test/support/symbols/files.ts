/**
 * Programs for tests of symbols: with build ids, names of debug files, tables of Go, stubs of linkers.
 *
 * @module
 */

import { crc32 } from 'node:zlib'
import {
  EM_X86_64,
  ET_DYN,
  NT_GNU_BUILD_ID,
  PF_R,
  PF_X,
  SHF_ALLOC,
  SHF_EXECINSTR,
  sectionTypes,
} from '../../../src/elf/format.ts'
import { type SectionSource, type SymbolSource, writeElf } from '../../../src/elf/write.ts'

/** Where the code of these programs lies, and its size. */
export const TEXT = 0x40_1000
export const SIZE = 0x1000

/** A function at an offset of the code. */
export const at = (name: string, offset: number, size: number): SymbolSource => ({
  name,
  section: 1,
  value: TEXT + offset,
  size,
})

/** A program with one section of code at TEXT and what else is given. */
export function program({
  id,
  sections = [],
  symbols,
  moved = 0,
}: {
  id?: string
  sections?: readonly SectionSource[]
  symbols?: readonly SymbolSource[]
  moved?: number
} = {}): Uint8Array<ArrayBuffer> {
  const note = id === undefined ? [] : [buildIdNote(id)]
  return writeElf({
    type: ET_DYN,
    machine: EM_X86_64,
    entry: TEXT,
    sections: [
      {
        name: '.text',
        flags: SHF_ALLOC | SHF_EXECINSTR,
        data: new Uint8Array(SIZE),
        alignment: SIZE,
        base: TEXT - SIZE + moved,
      },
      ...note,
      ...sections,
    ],
    segments: [{ flags: PF_R | PF_X, address: TEXT + moved, first: '.text', last: '.text' }],
    ...(symbols === undefined ? {} : { symbols }),
  })
}

function buildIdNote(id: string): SectionSource {
  const bytes = Buffer.from(id, 'hex')
  const data = Buffer.alloc(16 + Math.ceil(bytes.length / 4) * 4)
  data.writeUInt32LE(4, 0)
  data.writeUInt32LE(bytes.length, 4)
  data.writeUInt32LE(NT_GNU_BUILD_ID, 8)
  data.write('GNU\0', 12)
  bytes.copy(data, 16)
  return { name: '.note.gnu.build-id', type: sectionTypes.note, flags: SHF_ALLOC, data, alignment: 4 }
}

/** `.gnu_debuglink`: a file name, and the checksum of the file. */
export function debugLink(name: string, file: Uint8Array): SectionSource {
  const length = Math.ceil((name.length + 1) / 4) * 4
  const data = Buffer.alloc(length + 4)
  data.write(name)
  data.writeUInt32LE(crc32(file), length)
  return { name: '.gnu_debuglink', data, alignment: 4 }
}

/** An .xz file with stored chunks. */
export function storedXz(content: Uint8Array): Buffer {
  const withCrc = (bytes: readonly number[] | Buffer): Buffer => {
    const part = Buffer.from(bytes)
    const crc = Buffer.alloc(4)
    crc.writeUInt32LE(crc32(part))
    return Buffer.concat([part, crc])
  }
  const padded = (part: Buffer): Buffer => Buffer.concat([part, Buffer.alloc(-part.length & 3)])
  const integer = (value: number): number[] =>
    value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...integer(Math.floor(value / 0x80))]
  const chunks: Buffer[] = []
  for (let i = 0; i < content.length; i += 0x10000) {
    const part = content.subarray(i, i + 0x10000)
    chunks.push(
      Buffer.from([i === 0 ? 1 : 2, (part.length - 1) >> 8, (part.length - 1) & 255]),
      Buffer.from(part),
    )
  }
  const header = withCrc([2, 0, 0x21, 1, 0, 0, 0, 0])
  const block = Buffer.concat([header, ...chunks, Buffer.from([0])])
  const flags = [0, 0]
  const index = withCrc(padded(Buffer.from([0, 1, ...integer(block.length), ...integer(content.length)])))
  const backward = Buffer.alloc(4)
  backward.writeUInt32LE(index.length / 4 - 1)
  const crc = Buffer.alloc(4)
  crc.writeUInt32LE(crc32(Buffer.concat([backward, Buffer.from(flags)])))
  return Buffer.concat([
    Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]),
    withCrc(flags),
    padded(block),
    index,
    crc,
    backward,
    Buffer.from([...flags, 0x59, 0x5a]),
  ])
}

/**
 * A line table of Go 1.20 and later.
 *
 * @param text what it says of where the code starts; 0 as Go 1.26 has it
 * @param functions names with where they start
 */
export function goTable(
  text: number,
  functions: readonly (readonly [name: string, start: number])[],
  end: number,
): SectionSource {
  const header = 8 + 8 * 8
  const names = Buffer.from(functions.map(([name]) => `${name}\0`).join(''))
  const table = header + Math.ceil(names.length / 8) * 8
  const entries = functions.length * 8 + 4
  const data = Buffer.alloc(table + entries + functions.length * 8)
  data.writeUInt32LE(0xffff_fff1, 0)
  data[6] = 1
  data[7] = 8
  for (const [word, value] of [
    [0, functions.length],
    [2, text],
    [3, header],
    [7, table],
  ] as const)
    data.writeBigUInt64LE(BigInt(value), 8 + 8 * word)
  names.copy(data, header)
  let name = 0
  functions.forEach(([each, start], i) => {
    data.writeUInt32LE(start, table + 8 * i)
    data.writeUInt32LE(entries + 8 * i, table + 8 * i + 4)
    data.writeUInt32LE(start, table + entries + 8 * i)
    data.writeUInt32LE(name, table + entries + 8 * i + 4)
    name += each.length + 1
  })
  data.writeUInt32LE(end, table + 8 * functions.length)
  return { name: '.gopclntab', flags: SHF_ALLOC, data }
}
