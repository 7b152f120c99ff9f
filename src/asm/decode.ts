/**
 * Bytes to instructions.
 *
 * Source: RFC 9669, section 3.
 *
 * @module
 */

import { type ByteOrder, ByteReader, hostByteOrder } from '../base/bytes.ts'
import type { ObjectFileLocation } from '../base/errors.ts'
import { INSTRUCTION_SIZE, type Instruction } from './instruction.ts'
import { LDIMM64 } from './opcodes.ts'

/**
 * Decodes instructions. Opcodes that this library does not know decode too: what they mean is the kernel's
 * business.
 *
 * @param where names the bytes in errors
 * @throws ObjectFileError when the length is not a multiple of 8, or a 64-bit immediate load is cut off or
 *   has something in the fields that its second slot must leave empty
 */
export function decodeInstructions(
  bytes: Uint8Array,
  byteOrder: ByteOrder = hostByteOrder,
  where: ObjectFileLocation = {},
): Instruction[] {
  const reader = new ByteReader(bytes, byteOrder, where)
  if (bytes.length % INSTRUCTION_SIZE !== 0) {
    throw reader.error(`Instructions of ${bytes.length} bytes: not a multiple of ${INSTRUCTION_SIZE}`)
  }
  const little = byteOrder === 'little'
  // Everything that is read from here on is within the bytes.
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const instructions: Instruction[] = []
  for (let at = 0; at < bytes.length; at += INSTRUCTION_SIZE) {
    const opcode = bytes[at]!
    const registers = bytes[at + 1]!
    const low = registers & 0x0f
    const high = registers >> 4
    const instruction: Instruction = {
      opcode,
      dst: little ? low : high,
      src: little ? high : low,
      offset: view.getInt16(at + 2, little),
      imm: view.getInt32(at + 4, little),
    }
    if (opcode === LDIMM64) {
      const second = at + INSTRUCTION_SIZE
      if (second >= bytes.length) throw reader.error('64-bit immediate load without its second slot', at)
      if (view.getUint32(second) !== 0) {
        throw reader.error('64-bit immediate load with a second slot that is not empty', second)
      }
      const high = BigInt(view.getUint32(second + 4, little))
      instruction.imm = (high << 32n) | BigInt(view.getUint32(at + 4, little))
      at = second
    }
    instructions.push(instruction)
  }
  return instructions
}
