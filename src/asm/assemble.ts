/**
 * Labels to offsets.
 *
 * @module
 */

import { BpfError } from '../errors.ts'
import { type Instruction, slotCount } from './instruction.ts'

const CLASS_JMP = 0x05
const CLASS_JMP32 = 0x06
const OPERATION_CALL = 0x80
const OPERATION_JA = 0x00

/**
 * Copies instructions with references of kind `label` resolved: jumps get a relative offset, local calls and
 * `gotol` a relative immediate. Other references stay. Returns the input itself when there is nothing to do.
 *
 * @throws BpfError when a label is missing or defined twice, or too far away for a 16-bit offset
 */
export function assemble(instructions: readonly Instruction[]): Instruction[] {
  if (!instructions.some(each => each.reference?.kind === 'label')) return [...instructions]
  const labels = new Map<string, number>()
  let slot = 0
  for (const { symbol, ...each } of instructions) {
    if (symbol !== undefined) {
      if (labels.has(symbol)) throw labelError(symbol, 'it is defined twice')
      labels.set(symbol, slot)
    }
    slot += slotCount(each)
  }
  slot = 0
  return instructions.map(each => {
    const next = slot + slotCount(each)
    slot = next
    if (each.reference?.kind !== 'label') return each
    const { reference, ...rest } = each
    const target = labels.get(reference.name)
    if (target === undefined) throw labelError(reference.name, 'it is not defined')
    return { ...rest, ...relative(each, reference.name, target - next) }
  })
}

function relative(instruction: Instruction, label: string, distance: number): Partial<Instruction> {
  const kind = instruction.opcode & 0x07
  const operation = instruction.opcode & 0xf0
  const jumps = kind === CLASS_JMP || kind === CLASS_JMP32
  if (!jumps) throw labelError(label, `opcode 0x${instruction.opcode.toString(16)} is no jump or call`)
  if (kind === CLASS_JMP && operation === OPERATION_CALL) return { imm: distance }
  if (kind === CLASS_JMP32 && operation === OPERATION_JA) return { imm: distance }
  if (distance < -0x8000 || distance > 0x7fff) throw labelError(label, `it is ${distance} instructions away`)
  return { offset: distance }
}

function labelError(label: string, reason: string): BpfError {
  return new BpfError(`Cannot resolve label ${JSON.stringify(label)}: ${reason}`, { code: 'ERR_LABEL' })
}
