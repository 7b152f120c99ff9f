/**
 * One BPF instruction, as a plain editable value. What a loader has to know about it (function name,
 * reference to a map, source line, CO-RE relocation) travels with it, so that functions can be joined,
 * copied and patched without tables of offsets beside them.
 *
 * Source: RFC 9669, "BPF Instruction Set Architecture".
 *
 * @module
 */

import { CALL, LDIMM64 } from './opcodes.ts'

/** A line of the source program, from `.BTF.ext` line info. */
export interface SourceLine {
  /** File name as the compiler was given it. */
  file: string
  /** Text of the line; may be empty. */
  text: string
  /** Line number, from 1. */
  line: number
  /** Column number, from 1; 0 when unknown. */
  column: number
}

/** A CO-RE relocation record, from `.BTF.ext` (`struct bpf_core_relo`). */
export interface CoreRelocation {
  /** `enum bpf_core_relo_kind`, 0 to 12. */
  kind: number
  /** Root type of the access, in the BTF of the object. */
  typeId: number
  /** Access string, such as `'0:1:2'`. */
  access: string
}

/** What an instruction refers to by name, to be resolved when the program is loaded. */
export type Reference =
  /** A jump or local call to the instruction whose `symbol` is `name`; resolved by `assemble()`. */
  | { kind: 'label'; name: string }
  /** `ldimm64` of a map (`BPF_PSEUDO_MAP_FD`). */
  | { kind: 'map'; name: string }
  /** `ldimm64` of an address `offset` bytes into the first value of a map (`BPF_PSEUDO_MAP_VALUE`, 5.2). */
  | { kind: 'map_value'; name: string; offset: number }
  /** `call` of another BPF function of the object (`BPF_PSEUDO_CALL`, 4.16). */
  | { kind: 'call'; name: string }
  /** `ldimm64` of the address of a BPF function (`BPF_PSEUDO_FUNC`, 5.13). */
  | { kind: 'function'; name: string }
  /**
   * `ldimm64` of the address `offset` bytes into a table of labels, for `gotox` to jump through (`BPF_PSEUDO_MAP_VALUE` of
   * an `insn_array`, 6.19). Loading the program makes the table.
   */
  | { kind: 'jump_table'; name: string; labels: readonly string[]; offset: number }
  /** A symbol that the object leaves to the kernel to define (`.ksyms`, `.kconfig`). */
  | { kind: 'extern'; name: string; addend: number }

/** One instruction; a 64-bit immediate load (`ldimm64`) is one `Instruction` that fills two 8-byte slots. */
export interface Instruction {
  /** 8-bit operation code: class, size or operation, mode or source. */
  opcode: number
  /** Destination register, 0 to 11. */
  dst: number
  /** Source register, 0 to 11, or a pseudo source (`BPF_PSEUDO_*`). */
  src: number
  /** Signed 16-bit offset. */
  offset: number
  /** Signed 32-bit immediate; for `ldimm64` all 64 bits, as an unsigned `bigint`. */
  imm: number | bigint
  /** Name of the function or label that starts here. */
  symbol?: string
  /** BTF id of the `FUNC` that starts here, in the BTF of the object. */
  funcTypeId?: number
  /** What `imm` stands for until the program is loaded. */
  reference?: Reference
  /** Source line; it holds for the following instructions too, until the next one that has a line. */
  source?: SourceLine
  /** CO-RE relocation that patches this instruction at load time. */
  relocation?: CoreRelocation
}

/** Size of one instruction slot in bytes. */
export const INSTRUCTION_SIZE = 8

/** How many 8-byte slots the instruction fills: 2 for `ldimm64`, else 1. */
export function slotCount(instruction: Instruction): number {
  return instruction.opcode === LDIMM64 ? 2 : 1
}

/** Whether an instruction calls a helper, not a function of the program or the kernel. */
export function isHelperCall({ opcode, src, reference }: Instruction): boolean {
  return opcode === CALL && src === 0 && reference === undefined
}
