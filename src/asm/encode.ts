/**
 * Instructions to bytes.
 *
 * Source: RFC 9669, section 3.
 *
 * @module
 */

import { type ByteOrder, hostByteOrder } from '../bytes.ts'
import { INSTRUCTION_SIZE, type Instruction, LDIMM64, slotCount } from './instruction.ts'

/**
 * Encodes instructions as the kernel and object files hold them.
 *
 * @throws RangeError when a field does not fit, naming the instruction's index and the field
 */
export function encodeInstructions(
  instructions: readonly Instruction[],
  byteOrder: ByteOrder = hostByteOrder,
): Uint8Array<ArrayBuffer> {
  const slots = instructions.reduce((sum, each) => sum + slotCount(each), 0)
  const bytes = new Uint8Array(slots * INSTRUCTION_SIZE)
  const view = new DataView(bytes.buffer)
  const little = byteOrder === 'little'
  let at = 0
  for (let i = 0; i < instructions.length; i++) {
    const { opcode, dst, src, offset, imm } = instructions[i]!
    check(opcode, 0, 0xff, i, 'opcode')
    check(dst, 0, 15, i, 'dst')
    check(src, 0, 15, i, 'src')
    check(offset, -0x8000, 0x7fff, i, 'offset')
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
      check(value, -0x8000_0000, 0xffff_ffff, i, 'imm')
      view.setUint32(at + 4, value >>> 0, little)
      at += INSTRUCTION_SIZE
    }
  }
  return bytes
}

function check(value: number, min: number, max: number, index: number, field: string): void {
  if (!(Number.isInteger(value) && value >= min && value <= max)) fail(index, field, value)
}

function fail(index: number, field: string, value: number | bigint): never {
  throw new RangeError(`Cannot encode instruction ${index}: ${field} ${value} is out of range`)
}
