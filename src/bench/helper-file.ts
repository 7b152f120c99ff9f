/**
 * The helper program as a file that the kernel runs.
 *
 * @module
 */

import {
  EM_AARCH64,
  EM_X86_64,
  ET_EXEC,
  PF_R,
  PF_W,
  PF_X,
  PT_GNU_STACK,
  SHF_ALLOC,
  SHF_EXECINSTR,
} from '../elf/format.ts'
import { firstSectionOffset, writeElf } from '../elf/write.ts'
import type { HelperArchitecture, HelperCode } from './helper-code.ts'

const machines: Readonly<Record<HelperArchitecture, number>> = { x64: EM_X86_64, arm64: EM_AARCH64 }
const LOAD_ADDRESS = 0x400000
/** Where the code begins is a multiple of this. */
const CODE_ALIGNMENT = 0x100
const SEGMENTS = 2

/** The helper as an executable file, with a symbol for each of its functions. */
export function helperFile(architecture: HelperArchitecture, code: HelperCode): Uint8Array {
  const start = LOAD_ADDRESS + firstSectionOffset(SEGMENTS, CODE_ALIGNMENT)
  return writeElf({
    type: ET_EXEC,
    machine: machines[architecture],
    entry: start + code.entry,
    segments: [
      { flags: PF_R | PF_X, address: LOAD_ADDRESS, last: '.text' },
      { type: PT_GNU_STACK, flags: PF_R | PF_W },
    ],
    sections: [
      {
        name: '.text',
        flags: SHF_ALLOC | SHF_EXECINSTR,
        data: code.bytes,
        base: LOAD_ADDRESS,
        alignment: CODE_ALIGNMENT,
      },
    ],
    symbols: code.functions.map(({ name, offset, size }) => ({
      name,
      section: 1,
      value: start + offset,
      size,
    })),
  })
}
