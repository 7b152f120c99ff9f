/**
 * Function and line information as `BPF_PROG_LOAD` takes it, made from what the instructions carry.
 *
 * Source: include/uapi/linux/bpf.h `struct bpf_func_info`, `struct bpf_line_info`;
 * kernel/bpf/verifier.c `check_btf_func`, `check_btf_line`.
 *
 * @module
 */

import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC } from '../abi/constants.ts'
import { type Instruction, slotCount } from '../asm/instruction.ts'
import { CALL, LDIMM64 } from '../asm/opcodes.ts'

/** BTF that was loaded into the kernel, with the strings that line information points to. */
export interface LoadedBtf {
  /** File descriptor of the BTF object. */
  readonly fd: number
  /** Offset of a string in its string section; `undefined` when it has no such string. */
  stringOffset(text: string): number | undefined
}

/** Arrays of records for `BPF_PROG_LOAD`. */
export interface ExtInfo {
  /** `struct bpf_func_info` per function, in the order of the instructions; empty when not every one has a type. */
  functions: Uint8Array
  /** `struct bpf_line_info` per source line; empty when a function lacks lines, which the kernel refuses. */
  lines: Uint8Array
}

/**
 * Makes the records of a program.
 *
 * @param instructions as they are loaded: references resolved
 * @param exceptionCallback name of a function that nothing refers to: the kernel finds it by its type
 */
export function extInfo(
  instructions: readonly Instruction[],
  btf: LoadedBtf,
  exceptionCallback?: string,
): ExtInfo {
  // Both records are nothing but 32-bit words.
  const functions: number[] = []
  const lines: number[] = []
  let functionsComplete = true
  let linesComplete = true
  const starts = functionStarts(instructions)
  let slot = 0
  for (const each of instructions) {
    if (starts.has(slot) || (exceptionCallback !== undefined && each.symbol === exceptionCallback)) {
      if (each.funcTypeId === undefined) functionsComplete = false
      else functions.push(slot, each.funcTypeId)
      // Every function must begin with a line.
      if (each.source === undefined) linesComplete = false
    }
    if (each.source !== undefined) {
      const { file, text, line, column } = each.source
      const fileOffset = btf.stringOffset(file)
      const textOffset = btf.stringOffset(text)
      if (fileOffset === undefined || textOffset === undefined) linesComplete = false
      else lines.push(slot, fileOffset, textOffset, (line << 10) | Math.min(column, 0x3ff))
    }
    slot += slotCount(each)
  }
  return {
    functions: functionsComplete ? records(functions) : new Uint8Array(0),
    lines: functionsComplete && linesComplete ? records(lines) : new Uint8Array(0),
  }
}

/** Slots where functions start: the first, and what is called or has its address taken. Other symbols are labels. */
function functionStarts(instructions: readonly Instruction[]): Set<number> {
  const starts = new Set([0])
  let slot = 0
  for (const { opcode, src, imm } of instructions) {
    const calls = opcode === CALL && src === BPF_PSEUDO_CALL
    const takesAddress = opcode === LDIMM64 && src === BPF_PSEUDO_FUNC
    if (calls || takesAddress) starts.add(slot + 1 + Number(BigInt.asIntN(32, BigInt(imm))))
    slot += opcode === LDIMM64 ? 2 : 1
  }
  return starts
}

/** Words in host order. */
function records(words: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(words).buffer)
}
