/**
 * Where the code of a file lies in memory and in the file, by its program headers: one rule for programs at fixed addresses,
 * programs that run at any address, and libraries.
 *
 * @module
 */

import type { ElfFile } from '../../elf/file.ts'
import { PF_X, PT_LOAD } from '../../elf/format.ts'
import type { ElfSegment } from '../../elf/headers.ts'

/** Smallest page of the architectures: the kernel maps whole pages. */
const PAGE = 4096

/** The parts of a file that may be executed. */
export function codeSegments(elf: ElfFile): readonly ElfSegment[] {
  return elf.segments.filter(({ type, flags }) => type === PT_LOAD && (flags & PF_X) !== 0)
}

/**
 * Address of what a file has at an offset; `undefined` when no code is there. Mappings are whole pages, so a segment goes on
 * to the ends of its first and last page, where no other is.
 *
 * @param segments those of code
 */
export function addressAt(segments: readonly ElfSegment[], offset: number): number | undefined {
  const segment =
    segments.find(each => offset >= each.offset && offset < each.offset + each.fileSize) ??
    segments.find(
      each =>
        offset >= Math.floor(each.offset / PAGE) * PAGE &&
        offset < Math.ceil((each.offset + each.fileSize) / PAGE) * PAGE,
    )
  return segment === undefined ? undefined : offset - segment.offset + segment.address
}
