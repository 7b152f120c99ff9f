/**
 * Names to distances.
 *
 * Source: kernel/bpf/verifier.c (`check_cfg`, `add_subprog_and_kfunc`) for what each distance counts from.
 *
 * @module
 */

import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC } from '../abi/constants.ts'
import { BpfError } from '../base/errors.ts'
import { type Instruction, type Reference, slotCount } from './instruction.ts'
import { CALL, CLASS_MASK, classes, jumpOperations, LDIMM64, OPERATION_MASK } from './opcodes.ts'

const GOTOL = classes.jmp32 | jumpOperations.ja

/**
 * Copies the list with references to what it contains resolved: jumps to labels get a relative offset, `gotol`,
 * calls and loads of functions a relative immediate. Calls and loads of functions that the list does not
 * contain stay, and so do references to maps and the kernel. The instructions given are not changed.
 *
 * @throws BpfError (`ERR_LABEL`) when a label is missing, a name that is used is defined twice, or a label is
 *   too far away for a 16-bit offset
 */
export function assemble(instructions: readonly Instruction[]): Instruction[] {
  const assembled = resolveLabels(instructions)
  return assembled === instructions ? [...instructions] : (assembled as Instruction[])
}

/** Does what {@link assemble} does, but gives the list back when there is nothing to resolve. */
export function resolveLabels(instructions: readonly Instruction[]): readonly Instruction[] {
  if (!instructions.some(refersToSymbol)) return instructions
  const { slots, ambiguous } = symbolSlots(instructions)
  let slot = 0
  return instructions.map(instruction => {
    const at = slot
    slot += slotCount(instruction)
    if (!refersToSymbol(instruction)) return instruction
    const { reference, ...rest } = instruction
    const target = slots.get(reference.name)
    if (target === undefined) {
      if (reference.kind === 'label') throw labelError(reference.name, 'it is not defined')
      return instruction
    }
    if (ambiguous.has(reference.name)) throw labelError(reference.name, 'it is defined twice')
    // All distances count from the slot after the first, also where a second slot follows.
    return { ...rest, ...relative(instruction, reference.name, target - at - 1) }
  })
}

function refersToSymbol(instruction: Instruction): instruction is Instruction & { reference: Reference } {
  const { reference } = instruction
  if (reference === undefined) return false
  const { kind } = reference
  return kind === 'label' || kind === 'call' || kind === 'function'
}

/** The slot of each symbol, and the symbols that several instructions have. */
export function symbolSlots(instructions: readonly Instruction[]): {
  slots: Map<string, number>
  ambiguous: Set<string>
} {
  const slots = new Map<string, number>()
  const ambiguous = new Set<string>()
  let slot = 0
  for (const instruction of instructions) {
    const { symbol } = instruction
    if (symbol !== undefined) {
      if (slots.has(symbol)) ambiguous.add(symbol)
      slots.set(symbol, slot)
    }
    slot += slotCount(instruction)
  }
  return { slots, ambiguous }
}

function relative({ opcode }: Instruction, name: string, distance: number): Partial<Instruction> {
  if (opcode === CALL) return { src: BPF_PSEUDO_CALL, imm: distance }
  if (opcode === GOTOL) return { imm: distance }
  if (opcode === LDIMM64) return { src: BPF_PSEUDO_FUNC, imm: BigInt.asUintN(32, BigInt(distance)) }
  if (!isNearJump(opcode)) throw labelError(name, `opcode 0x${opcode.toString(16)} is not a jump or call`)
  if (distance < -0x8000 || distance > 0x7fff) throw labelError(name, `it is ${distance} instructions away`)
  return { offset: distance }
}

function isNearJump(opcode: number): boolean {
  const kind = opcode & CLASS_MASK
  const operation = opcode & OPERATION_MASK
  return (
    (kind === classes.jmp || kind === classes.jmp32) &&
    operation !== jumpOperations.call &&
    operation !== jumpOperations.exit
  )
}

function labelError(name: string, reason: string): BpfError {
  return new BpfError(`Cannot resolve label ${JSON.stringify(name)}: ${reason}`, { code: 'ERR_LABEL' })
}
