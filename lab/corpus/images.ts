/**
 * BPF objects inside of other files, such as programs that carry theirs in a section of read-only data.
 *
 * @module
 */

import { ByteReader } from '../../src/base/bytes.ts'
import { ELF_MAGIC, ELFCLASS64, ELFDATA2MSB, EM_BPF } from '../../src/elf/format.ts'
import { ELF64 } from '../../src/elf/layout.ts'

const MAGIC = Buffer.from(ELF_MAGIC)

/** An object in a file. */
export interface Image {
  /** Where it starts in the file. */
  readonly offset: number
  readonly bytes: Uint8Array
}

/**
 * Finds the BPF objects in a file: at its start when it is one itself, else wherever one begins. Compilers and linkers
 * write the section headers last, so an object ends there.
 */
export function bpfImages(file: Uint8Array): Image[] {
  const images: Image[] = []
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  for (let at = buffer.indexOf(MAGIC); at !== -1; at = buffer.indexOf(MAGIC, at + 1)) {
    const size = imageSize(file.subarray(at))
    if (size !== undefined) images.push({ offset: at, bytes: file.slice(at, at + size) })
  }
  return images
}

/** Size of the BPF object that begins here; `undefined` when none does. */
function imageSize(bytes: Uint8Array): number | undefined {
  if (bytes.length < ELF64.header.size || bytes[4] !== ELFCLASS64) return undefined
  const header = new ByteReader(bytes, bytes[5] === ELFDATA2MSB ? 'big' : 'little')
  if (header.u16(18) !== EM_BPF) return undefined
  const size = Number(header.u64(40)) + header.u16(58) * header.u16(60)
  return size <= bytes.length ? size : undefined
}
