/**
 * ELF files with more sections than the 16 bits of their header count.
 *
 * @module
 */

import { SHN_LORESERVE } from '../../../src/elf/format.ts'
import { ELF64 } from '../../../src/elf/layout.ts'

const SECTION_HEADER_SIZE = ELF64.section.size

/**
 * Adds sections without contents, of the type and name of section 1, to a little-endian file.
 *
 * Source: System V ABI, chapter 4: `e_shnum` is 0, and `sh_size` of section 0 has the number.
 */
export function withSections(file: Uint8Array, count: number): Uint8Array {
  const before = new DataView(file.buffer, file.byteOffset, file.length)
  const tableAt = Number(before.getBigUint64(40, true))
  const present = before.getUint16(60, true)
  const table = file.subarray(tableAt, tableAt + present * SECTION_HEADER_SIZE)
  const start = Math.ceil(file.length / 8) * 8
  const bytes = new Uint8Array(start + (present + count) * SECTION_HEADER_SIZE)
  bytes.set(file)
  bytes.set(table, start)
  const added = table.slice(SECTION_HEADER_SIZE, 2 * SECTION_HEADER_SIZE)
  new DataView(added.buffer).setBigUint64(32, 0n, true)
  for (let i = present; i < present + count; i++) bytes.set(added, start + i * SECTION_HEADER_SIZE)
  const view = new DataView(bytes.buffer)
  const total = present + count
  view.setBigUint64(40, BigInt(start), true)
  view.setUint16(60, total < SHN_LORESERVE ? total : 0, true)
  if (total >= SHN_LORESERVE) view.setBigUint64(start + 32, BigInt(total), true)
  return bytes
}
