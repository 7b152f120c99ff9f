/**
 * Parts of ELF files for tests: code of BPF programs, and what linkers add to libraries.
 *
 * @module
 */

import { BPF_PSEUDO_CALL } from '../../../src/abi/constants.ts'
import { encodeInstructions } from '../../../src/asm/encode.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { CALL } from '../../../src/asm/opcodes.ts'
import type { ByteOrder } from '../../../src/base/bytes.ts'
import { SHF_EXECINSTR } from '../../../src/elf/format.ts'
import { ELF64 } from '../../../src/elf/layout.ts'
import { type SectionSource, type StringTableBuilder, writeElf } from '../../../src/elf/write.ts'

/** A section of instructions, as compilers write it. */
export function code(
  name: string,
  instructions: readonly Instruction[],
  more: Partial<SectionSource> = {},
  byteOrder: ByteOrder = 'little',
): SectionSource {
  return { name, flags: SHF_EXECINSTR, data: encodeInstructions(instructions, byteOrder), ...more }
}

/**
 * A 64-bit little-endian program with nothing between its headers, which stay where they are, and all the rest, which
 * begins at an offset of many gigabytes.
 *
 * @param gap a multiple of the page size
 * @returns what the file has at 0, and what it has behind the gap
 */
export function spreadElf(program: Uint8Array, gap: number): { head: Uint8Array; tail: Uint8Array } {
  const tail = program.slice()
  const view = new DataView(tail.buffer)
  const { header, section, segment } = ELF64
  const move = (field: number): void =>
    view.setBigUint64(field, view.getBigUint64(field, true) + BigInt(gap), true)
  const table = Number(view.getBigUint64(header.sections, true))
  const [segments, sections] = [4, 8].map(at => view.getUint16(header.counts + at, true))
  move(header.sections)
  for (let i = 1; i < sections!; i++) move(table + i * section.size + section.offset)
  for (let i = 0; i < segments!; i++) move(header.size + i * segment.size + segment.offset)
  return { head: tail.slice(0, header.size + segments! * segment.size), tail }
}

/** Calls a BPF function at a distance in instructions, as compilers do. */
export function callAt(distance: number): Instruction {
  return { opcode: CALL, dst: 0, src: BPF_PSEUDO_CALL, offset: 0, imm: distance }
}

/**
 * `.gnu.version_d`: definitions of versions, numbered from 2.
 *
 * @param strings the string table of the dynamic symbols
 */
export function versionDefinitions(names: readonly string[], strings: StringTableBuilder): Uint8Array {
  const [DEFINITION, AUXILIARY] = [20, 8]
  const size = DEFINITION + AUXILIARY
  const bytes = new Uint8Array(names.length * size)
  const view = new DataView(bytes.buffer)
  names.forEach((name, i) => {
    const at = i * size
    view.setUint16(at, 1, true)
    view.setUint16(at + 4, i + 2, true)
    view.setUint16(at + 6, 1, true)
    view.setUint32(at + 12, DEFINITION, true)
    view.setUint32(at + 16, i === names.length - 1 ? 0 : size, true)
    view.setUint32(at + DEFINITION, strings.add(name), true)
  })
  return bytes
}

/** An object with one program, `main`, and one definition of a map from before BTF, `it`, of the numbers given. */
export function legacyDefinition(...numbers: number[]): Uint8Array<ArrayBuffer> {
  return writeElf({
    sections: [
      code('socket', [exit()]),
      { name: 'maps', data: new Uint8Array(Uint32Array.from(numbers).buffer) },
    ],
    symbols: [
      { name: 'main', section: 1, size: 8 },
      { name: 'it', type: 'object', section: 2, size: numbers.length * 4 },
    ],
  })
}
