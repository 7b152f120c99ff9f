/**
 * Instructions to bytes.
 *
 * Source: RFC 9669, section 3.
 *
 * @module
 */

import { type ByteOrder, hostByteOrder } from '../base/bytes.ts'
import { INSTRUCTION_SIZE, type Instruction } from './instruction.ts'
import { LDIMM64 } from './opcodes.ts'

/**
 * Encodes instructions as the kernel and object files hold them.
 *
 * @throws RangeError when a field does not fit, naming the instruction's index and the field
 */
export function encodeInstructions(
  instructions: readonly Instruction[],
  byteOrder: ByteOrder = hostByteOrder,
): Uint8Array<ArrayBuffer> {
  let slots = 0
  for (const { opcode } of instructions) slots += opcode === LDIMM64 ? 2 : 1
  const bytes = new Uint8Array(slots * INSTRUCTION_SIZE)
  const view = new DataView(bytes.buffer)
  const little = byteOrder === 'little'
  let at = 0
  for (let i = 0; i < instructions.length; i++) {
    const instruction = instructions[i]!
    const { opcode, dst, src, offset, imm } = instruction
    const fits =
      (opcode & 0xff) === opcode &&
      (dst & 0x0f) === dst &&
      (src & 0x0f) === src &&
      (offset << 16) >> 16 === offset
    if (!fits) explain(instruction, i)
    view.setUint8(at, opcode)
    // Two 4-bit bitfields, which compilers allocate from the other end on big-endian machines.
    view.setUint8(at + 1, little ? (src << 4) | dst : (dst << 4) | src)
    view.setInt16(at + 2, offset, little)
    if (opcode === LDIMM64) {
      const value = BigInt(imm)
      if (value < -(1n << 63n) || value >= 1n << 64n) fail(i, 'imm', value)
      view.setUint32(at + 4, Number(value & 0xffff_ffffn), little)
      view.setUint32(at + 12, Number((value >> 32n) & 0xffff_ffffn), little)
      at += 2 * INSTRUCTION_SIZE
    } else {
      const value = Number(imm)
      if ((value | 0) !== value && value >>> 0 !== value) fail(i, 'imm', value)
      view.setUint32(at + 4, value >>> 0, little)
      at += INSTRUCTION_SIZE
    }
  }
  return bytes
}

/** Says which field does not fit. */
function explain({ opcode, dst, src, offset }: Instruction, index: number): never {
  check(opcode, 0, 0xff, index, 'opcode')
  check(dst, 0, 15, index, 'dst')
  check(src, 0, 15, index, 'src')
  return fail(index, 'offset', offset)
}

function check(value: number, min: number, max: number, index: number, field: string): void {
  if (!(Number.isInteger(value) && value >= min && value <= max)) fail(index, field, value)
}

function fail(index: number, field: string, value: number | bigint): never {
  throw new RangeError(`Cannot encode instruction ${index}: ${field} ${value} is out of range`)
}
