/**
 * Jumps and the labels that they go to: `jeq(r1, 0, 'out')` is `if r1 == 0 goto out`.
 *
 * A target is the name of a label, which `assemble()` resolves, or a distance in 8-byte slots from the next
 * instruction. The names without suffix compare 64 bits and sign-extend an immediate, those with suffix `32`
 * compare the lower half (5.1). All throw `TypeError` for operands of the wrong kind and `RangeError` for
 * numbers that do not fit.
 *
 * Source: RFC 9669, section 4.3.
 *
 * @module
 */

import type { Instruction } from './instruction.ts'
import { classes, type JumpOperation, jumpOperations, sources } from './opcodes.ts'
import { lowBits, offset16, readable, signed32, writable } from './operands.ts'
import { Register } from './registers.ts'

/** Where a jump goes: a label, or a distance in slots from the next instruction. */
export type JumpTarget = string | number

/** Builds a jump on the comparison of a register with a register or an immediate. */
export type JumpBuilder = (dst: Register, src: Register | number, target: JumpTarget) => Instruction

function conditional(name: string, width: 'jmp' | 'jmp32', operation: JumpOperation): JumpBuilder {
  const opcode = classes[width] | jumpOperations[operation]
  const immediate = width === 'jmp' ? signed32 : (of: string, value: number) => lowBits(of, value, 32)
  return (dst, src, target) => {
    const compared = readable(name, dst)
    const jump =
      src instanceof Register
        ? { opcode: opcode | sources.x, dst: compared, src: src.number, imm: 0 }
        : { opcode: opcode | sources.k, dst: compared, src: 0, imm: immediate(name, src) }
    return { ...jump, ...near(name, target) }
  }
}

/** Target of a jump with a 16-bit offset. */
function near(name: string, target: JumpTarget): Pick<Instruction, 'offset' | 'reference'> {
  if (typeof target === 'string') return { offset: 0, reference: { kind: 'label', name: target } }
  return { offset: offset16(name, target) }
}

/** Jumps if `dst == src`. */
export const jeq: JumpBuilder = conditional('jeq', 'jmp', 'jeq')
/** Jumps if `dst != src`. */
export const jne: JumpBuilder = conditional('jne', 'jmp', 'jne')
/** Jumps if `dst & src` is not 0. */
export const jset: JumpBuilder = conditional('jset', 'jmp', 'jset')
/** Jumps if `dst > src`, unsigned. */
export const jgt: JumpBuilder = conditional('jgt', 'jmp', 'jgt')
/** Jumps if `dst >= src`, unsigned. */
export const jge: JumpBuilder = conditional('jge', 'jmp', 'jge')
/** Jumps if `dst < src`, unsigned. */
export const jlt: JumpBuilder = conditional('jlt', 'jmp', 'jlt')
/** Jumps if `dst <= src`, unsigned. */
export const jle: JumpBuilder = conditional('jle', 'jmp', 'jle')
/** Jumps if `dst > src`, signed. */
export const jsgt: JumpBuilder = conditional('jsgt', 'jmp', 'jsgt')
/** Jumps if `dst >= src`, signed. */
export const jsge: JumpBuilder = conditional('jsge', 'jmp', 'jsge')
/** Jumps if `dst < src`, signed. */
export const jslt: JumpBuilder = conditional('jslt', 'jmp', 'jslt')
/** Jumps if `dst <= src`, signed. */
export const jsle: JumpBuilder = conditional('jsle', 'jmp', 'jsle')

/** Jumps if `dst == src`, on 32 bits. */
export const jeq32: JumpBuilder = conditional('jeq32', 'jmp32', 'jeq')
/** Jumps if `dst != src`, on 32 bits. */
export const jne32: JumpBuilder = conditional('jne32', 'jmp32', 'jne')
/** Jumps if `dst & src` is not 0, on 32 bits. */
export const jset32: JumpBuilder = conditional('jset32', 'jmp32', 'jset')
/** Jumps if `dst > src`, on 32 bits, unsigned. */
export const jgt32: JumpBuilder = conditional('jgt32', 'jmp32', 'jgt')
/** Jumps if `dst >= src`, on 32 bits, unsigned. */
export const jge32: JumpBuilder = conditional('jge32', 'jmp32', 'jge')
/** Jumps if `dst < src`, on 32 bits, unsigned. */
export const jlt32: JumpBuilder = conditional('jlt32', 'jmp32', 'jlt')
/** Jumps if `dst <= src`, on 32 bits, unsigned. */
export const jle32: JumpBuilder = conditional('jle32', 'jmp32', 'jle')
/** Jumps if `dst > src`, on 32 bits, signed. */
export const jsgt32: JumpBuilder = conditional('jsgt32', 'jmp32', 'jsgt')
/** Jumps if `dst >= src`, on 32 bits, signed. */
export const jsge32: JumpBuilder = conditional('jsge32', 'jmp32', 'jsge')
/** Jumps if `dst < src`, on 32 bits, signed. */
export const jslt32: JumpBuilder = conditional('jslt32', 'jmp32', 'jslt')
/** Jumps if `dst <= src`, on 32 bits, signed. */
export const jsle32: JumpBuilder = conditional('jsle32', 'jmp32', 'jsle')

/** Jumps. */
export function ja(target: JumpTarget): Instruction {
  return { opcode: classes.jmp | jumpOperations.ja, dst: 0, src: 0, imm: 0, ...near('ja', target) }
}

/** Jumps, with a 32-bit distance. Since 6.6. */
export function gotol(target: JumpTarget): Instruction {
  const jump = { opcode: classes.jmp32 | jumpOperations.ja, dst: 0, src: 0, offset: 0 }
  if (typeof target === 'string') return { ...jump, imm: 0, reference: { kind: 'label', name: target } }
  return { ...jump, imm: signed32('gotol', target) }
}

/**
 * Jumps to the address in a register, which must come from a jump table: `loadJumpTable`. Since 6.19.
 *
 * @throws RangeError when the register is not 0 to 9
 */
export function gotox(target: Register): Instruction {
  const opcode = classes.jmp | jumpOperations.ja | sources.x
  return { opcode, dst: writable('gotox', target), src: 0, offset: 0, imm: 0 }
}

/**
 * Jumps once the loop has run for too long, which lets the verifier accept loops that it cannot bound.
 * Since 6.9.
 */
export function mayGoto(target: JumpTarget): Instruction {
  return { opcode: classes.jmp | jumpOperations.jcond, dst: 0, src: 0, imm: 0, ...near('mayGoto', target) }
}

/** Returns from the function or program with the value of r0. */
export function exit(): Instruction {
  return { opcode: classes.jmp | jumpOperations.exit, dst: 0, src: 0, offset: 0, imm: 0 }
}

/**
 * Names an instruction: a label for jumps, or the start of a function for `callFunction` and `loadFunction`.
 * `label('out', exit())` is `out: exit`.
 *
 * @throws TypeError when the name is empty or the instruction has one already
 */
export function label(name: string, instruction: Instruction): Instruction {
  if (typeof name !== 'string' || name === '')
    throw new TypeError('Cannot label an instruction: the name is empty')
  if (instruction.symbol !== undefined) {
    throw new TypeError(`Cannot label an instruction ${name}: it is named ${instruction.symbol} already`)
  }
  return { ...instruction, symbol: name }
}
