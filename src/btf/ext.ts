/**
 * `.BTF.ext`: which function starts where, which source line each instruction came from, and the CO-RE relocations;
 * all by ELF section.
 *
 * Source: include/uapi/linux/bpf.h `struct bpf_func_info`, `bpf_line_info`, `bpf_core_relo`; libbpf
 * `btf_ext_parse`; Documentation/bpf/btf.rst.
 *
 * @module
 */

import { ByteReader } from '../base/bytes.ts'
import type { ObjectFileLocation } from '../base/errors.ts'
import type { Btf } from './btf.ts'
import { BTF_HEADER_SIZE, BTF_MAGIC, BTF_VERSION } from './format.ts'

/** Header with the CO-RE part, which clang writes since version 10. */
const HEADER_WITH_CORE = 32

/** Bytes that access strings stay below: 64 steps, each of a 32-bit number and a colon. */
const MAX_ACCESS = 64 * 11

/** A function starts at a byte of its section. */
export interface FunctionRecord {
  offset: number
  /** Id of its `func` type. */
  typeId: number
}

/** Source line of the instruction at a byte of its section. */
export interface LineRecord {
  offset: number
  file: string
  text: string
  line: number
  column: number
}

/** A CO-RE relocation of the instruction at a byte of its section. */
export interface CoreRecord {
  offset: number
  typeId: number
  /** Access string, such as `'0:1:2'`. */
  access: string
  /** `enum bpf_core_relo_kind`. */
  kind: number
}

/** The records, by name of the section that they are about, in the order of the file. */
export interface ExtInfo {
  functions: Map<string, FunctionRecord[]>
  lines: Map<string, LineRecord[]>
  relocations: Map<string, CoreRecord[]>
}

/**
 * Parses `.BTF.ext`.
 *
 * @param btf the BTF of the same object, for strings and byte order
 * @throws ObjectFileError when it is truncated or malformed
 */
export function parseExtInfo(bytes: Uint8Array, btf: Btf, where: ObjectFileLocation = {}): ExtInfo {
  const reader = new ByteReader(bytes, btf.byteOrder, { section: '.BTF.ext', ...where })
  reader.need(0, BTF_HEADER_SIZE, '.BTF.ext header')
  if (reader.u16(0) !== BTF_MAGIC) throw reader.error('Not .BTF.ext: wrong magic')
  if (reader.u8(2) !== BTF_VERSION) throw reader.error(`Unknown .BTF.ext version ${reader.u8(2)}`, 2)
  const headerLength = reader.u32(4)
  if (headerLength < BTF_HEADER_SIZE)
    throw reader.error(`.BTF.ext header of ${headerLength} bytes is too short`, 4)
  const part = (header: number, minimum: number): Part => ({
    reader,
    btf,
    start: headerLength + reader.u32(header),
    length: reader.u32(header + 4),
    minimum,
  })
  const core = headerLength >= HEADER_WITH_CORE ? part(24, 16) : undefined
  // Thousands of records share the name of their file.
  const strings = new Map<number, string>()
  const string = (offset: number): string => {
    const text = strings.get(offset) ?? btf.string(offset)
    strings.set(offset, text)
    return text
  }
  return {
    functions: readPart(part(8, 8), at => ({ offset: reader.u32(at), typeId: reader.u32(at + 4) })),
    lines: readPart(part(16, 16), at => ({
      offset: reader.u32(at),
      file: string(reader.u32(at + 4)),
      text: string(reader.u32(at + 8)),
      line: reader.u32(at + 12) >>> 10,
      column: reader.u32(at + 12) & 0x3ff,
    })),
    relocations:
      core === undefined
        ? new Map()
        : readPart(core, at => ({
            offset: reader.u32(at),
            typeId: reader.u32(at + 4),
            access: accessString(reader, at, string(reader.u32(at + 8))),
            kind: reader.u32(at + 12),
          })),
  }
}

/** The access string of a relocation, which has a number for each step. */
function accessString(reader: ByteReader, record: number, text: string): string {
  if (text.length > MAX_ACCESS) throw reader.error(`An access string of ${text.length} bytes`, record + 8)
  return text
}

interface Part {
  reader: ByteReader
  btf: Btf
  /** Where it starts in `.BTF.ext`. */
  start: number
  length: number
  /** Bytes of a record that are known; a file may have longer ones. */
  minimum: number
}

/** One part: the size of its records, then per section its name, the number of records, and the records. */
function readPart<T>(
  { reader, btf, start, length, minimum }: Part,
  read: (at: number) => T,
): Map<string, T[]> {
  const records = new Map<string, T[]>()
  if (length === 0) return records
  reader.need(start, length, 'part of .BTF.ext')
  const end = start + length
  if (length < 4) throw reader.error('Part of .BTF.ext without a record size', start)
  const size = reader.u32(start)
  if (size < minimum || size % 4 !== 0) throw reader.error(`Records of ${size} bytes`, start)
  let at = start + 4
  while (at < end) {
    if (at + 8 > end) throw reader.error('Truncated section header in .BTF.ext', at)
    const section = btf.string(reader.u32(at))
    const count = reader.u32(at + 4)
    at += 8
    if (count === 0 || count * size > end - at)
      throw reader.error(`${count} records for section ${section}`, at - 4)
    const list = records.get(section) ?? []
    records.set(section, list)
    for (let i = 0; i < count; i++, at += size) list.push(read(at))
  }
  return records
}
