/**
 * `.gnu_debugdata`: the symbols of a stripped file as a compressed ELF file inside of it, as Fedora and its kin have it.
 *
 * Source: GDB manual, "Debugging information in a special section".
 *
 * @module
 */

import type { ElfFile } from '../../elf/file.ts'
import { decompressXz } from '../xz/xz.ts'

/** Bytes of the section, and of what is in it: of the greatest programs they are some ten million. */
const MAX_COMPRESSED = 64 << 20
const MAX_SIZE = 256 << 20

/**
 * The ELF file in `.gnu_debugdata`; `undefined` where the section is missing.
 *
 * @throws ObjectFileError when it is damaged or too large
 */
export function readDebugData(elf: ElfFile): Uint8Array<ArrayBuffer> | undefined {
  const section = elf.section('.gnu_debugdata')
  if (section === undefined) return undefined
  if (section.size > MAX_COMPRESSED)
    throw elf.error(`${section.size} bytes, more than ${MAX_COMPRESSED}`, section)
  return decompressXz(elf.part(section.offset, section.size, '.gnu_debugdata').bytes, MAX_SIZE)
}
