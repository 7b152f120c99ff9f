/**
 * Where the fields of headers and symbols lie, which depends on the class of a file: 32 or 64 bits.
 *
 * Source: System V ABI, chapters 4 and 5, as include/uapi/linux/elf.h has it.
 *
 * @module
 */

import type { ByteReader } from '../base/bytes.ts'
import { ELFCLASS32, ELFCLASS64 } from './format.ts'

/** Byte offsets of fields, and sizes of what has them. A word is an address, an offset in the file or a size. */
export interface ElfLayout {
  readonly bits: 32 | 64
  /** The file's header: words, and where its six 16-bit numbers of sizes and counts begin. */
  readonly header: {
    readonly size: number
    readonly entry: number
    readonly segments: number
    readonly sections: number
    readonly counts: number
  }
  /** The header of a segment; its type, at 0, and its flags have 32 bits, the rest are words. */
  readonly segment: {
    readonly size: number
    readonly flags: number
    readonly offset: number
    readonly address: number
    readonly physicalAddress: number
    readonly fileSize: number
    readonly memorySize: number
    readonly alignment: number
  }
  /** The header of a section; name and type, at 0 and 4, link and info have 32 bits, the rest are words. */
  readonly section: {
    readonly size: number
    readonly flags: number
    readonly address: number
    readonly offset: number
    readonly bytes: number
    readonly link: number
    readonly info: number
    readonly alignment: number
    readonly entrySize: number
  }
  /** A symbol: its name, at 0, has 32 bits, its section 16, type and visibility 8, value and size are words. */
  readonly symbol: {
    readonly size: number
    readonly info: number
    readonly other: number
    readonly section: number
    readonly value: number
    readonly bytes: number
  }
}

/** Files of 64 bits. */
export const ELF64: ElfLayout = {
  bits: 64,
  header: { size: 64, entry: 24, segments: 32, sections: 40, counts: 52 },
  segment: {
    size: 56,
    flags: 4,
    offset: 8,
    address: 16,
    physicalAddress: 24,
    fileSize: 32,
    memorySize: 40,
    alignment: 48,
  },
  section: {
    size: 64,
    flags: 8,
    address: 16,
    offset: 24,
    bytes: 32,
    link: 40,
    info: 44,
    alignment: 48,
    entrySize: 56,
  },
  symbol: { size: 24, info: 4, other: 5, section: 6, value: 8, bytes: 16 },
}

/** Files of 32 bits. */
export const ELF32: ElfLayout = {
  bits: 32,
  header: { size: 52, entry: 24, segments: 28, sections: 32, counts: 40 },
  segment: {
    size: 32,
    flags: 24,
    offset: 4,
    address: 8,
    physicalAddress: 12,
    fileSize: 16,
    memorySize: 20,
    alignment: 28,
  },
  section: {
    size: 40,
    flags: 8,
    address: 12,
    offset: 16,
    bytes: 20,
    link: 24,
    info: 28,
    alignment: 32,
    entrySize: 36,
  },
  symbol: { size: 16, info: 12, other: 13, section: 14, value: 4, bytes: 8 },
}

/** The layout of a class, `e_ident[EI_CLASS]`; `undefined` for one that does not exist. */
export function layoutOf(elfClass: number): ElfLayout | undefined {
  return elfClass === ELFCLASS64 ? ELF64 : elfClass === ELFCLASS32 ? ELF32 : undefined
}

/**
 * A word.
 *
 * @throws ObjectFileError when it does not fit a JavaScript number, or lies behind the end
 */
export function readWord(reader: ByteReader, { bits }: ElfLayout, at: number): number {
  return bits === 64 ? reader.size(at) : reader.u32(at)
}

/**
 * A word that is an address. Those of the kernel, from 2^53 on, are rounded.
 *
 * @throws ObjectFileError when it lies behind the end
 */
export function readAddress(reader: ByteReader, { bits }: ElfLayout, at: number): number {
  return bits === 64 ? Number(reader.u64(at)) : reader.u32(at)
}
