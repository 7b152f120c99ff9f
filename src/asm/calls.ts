/**
 * Calls, and the 64-bit immediate loads that bring maps and functions into registers.
 *
 * Source: RFC 9669, sections 4.3.1 and 5.4; include/uapi/linux/bpf.h (`BPF_PSEUDO_*`).
 *
 * @module
 */

import {
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
} from '../abi/constants.ts'
import { type Helper, helpers } from '../abi/generated/enums.ts'
import { enumNumber } from '../abi/names.ts'
import type { Instruction, Reference } from './instruction.ts'
import { CALL, LDIMM64 } from './opcodes.ts'
import { integer, writable } from './operands.ts'
import type { Register } from './registers.ts'

/** A map, or its file descriptor. */
export type MapOrFd = number | { readonly fd: number }

/**
 * Calls a helper: arguments in r1 to r5, result in r0. The helper's name is that of `enum bpf_func_id` without
 * `bpf_`; a number is for helpers that the table does not know.
 *
 * @throws RangeError when the table lacks the name, or the number is not a positive 32-bit integer
 */
export function call(helper: Helper | number): Instruction {
  const number = enumNumber(helpers, helper, 'helper')
  return { opcode: CALL, dst: 0, src: 0, offset: 0, imm: integer('call', 'helper', number, 0, 0x7fff_ffff) }
}

/** Calls a BPF function, by the name that `label()` or an object file gives its first instruction. Since 4.16. */
export function callFunction(name: string): Instruction {
  return {
    opcode: CALL,
    dst: 0,
    src: BPF_PSEUDO_CALL,
    offset: 0,
    imm: 0,
    reference: { kind: 'call', name },
  }
}

/**
 * Calls a function of the kernel (kfunc). Since 5.13.
 *
 * @param btfId BTF id of the function in the BTF of the kernel
 * @throws RangeError when the id is not a positive 32-bit integer
 */
export function callKfunc(btfId: number): Instruction {
  const imm = integer('callKfunc', 'BTF id', btfId, 1, 0x7fff_ffff)
  return { opcode: CALL, dst: 0, src: BPF_PSEUDO_KFUNC_CALL, offset: 0, imm }
}

/**
 * `dst = value`, all 64 bits; fills two slots. The value may be written signed or unsigned.
 *
 * @throws RangeError when the value does not fit 64 bits, or is a number that cannot be exact
 */
export function loadImm64(dst: Register, value: bigint | number): Instruction {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new RangeError(`Cannot build loadImm64: ${value} is not a safe integer, pass a bigint`)
  }
  const imm = BigInt(value)
  if (imm < -(1n << 63n) || imm >= 1n << 64n) {
    throw new RangeError(`Cannot build loadImm64: ${value} does not fit 64 bits`)
  }
  return wide('loadImm64', dst, 0, BigInt.asUintN(64, imm))
}

/** `dst` gets a map that exists already, for helpers that take one. */
export function loadMapFd(dst: Register, map: MapOrFd): Instruction {
  return wide('loadMapFd', dst, BPF_PSEUDO_MAP_FD, mapFd('loadMapFd', map))
}

/** `dst` gets a map by name, for helpers that take one; found when the program is loaded. */
export function loadMap(dst: Register, name: string): Instruction {
  return wide('loadMap', dst, BPF_PSEUDO_MAP_FD, 0n, { kind: 'map', name })
}

/**
 * `dst` gets the address `offset` bytes into the first value of an array map: one that exists already, or one
 * by name that is found when the program is loaded. Since 5.2.
 *
 * @throws RangeError when the offset is not an unsigned 32-bit integer
 */
export function loadMapValue(dst: Register, map: MapOrFd | string, offset = 0): Instruction {
  const within = integer('loadMapValue', 'offset', offset, 0, 0xffff_ffff)
  if (typeof map === 'string') {
    const reference: Reference = { kind: 'map_value', name: map, offset: within }
    return wide('loadMapValue', dst, BPF_PSEUDO_MAP_VALUE, 0n, reference)
  }
  const imm = (BigInt(within) << 32n) | mapFd('loadMapValue', map)
  return wide('loadMapValue', dst, BPF_PSEUDO_MAP_VALUE, imm)
}

/**
 * `dst` gets the address `offset` bytes into a table of labels, for `gotox`: 8 bytes for each, which a program reads with
 * `load('u64', ...)`. The table is a map that loading the program makes. Since 6.19.
 *
 * @param name of the table, for messages
 * @param labels of instructions of the same function
 * @throws RangeError when the offset is not an unsigned 32-bit integer
 */
export function loadJumpTable(
  dst: Register,
  name: string,
  labels: readonly string[],
  offset = 0,
): Instruction {
  const within = integer('loadJumpTable', 'offset', offset, 0, 0xffff_ffff)
  return wide('loadJumpTable', dst, BPF_PSEUDO_MAP_VALUE, 0n, {
    kind: 'jump_table',
    name,
    labels: [...labels],
    offset: within,
  })
}

/** `dst` gets the address of a BPF function, for helpers that call back. Since 5.13. */
export function loadFunction(dst: Register, name: string): Instruction {
  return wide('loadFunction', dst, BPF_PSEUDO_FUNC, 0n, { kind: 'function', name })
}

function wide(name: string, dst: Register, src: number, imm: bigint, reference?: Reference): Instruction {
  const instruction: Instruction = { opcode: LDIMM64, dst: writable(name, dst), src, offset: 0, imm }
  if (reference !== undefined) instruction.reference = reference
  return instruction
}

function mapFd(name: string, map: MapOrFd): bigint {
  const fd = typeof map === 'number' ? map : map.fd
  return BigInt(integer(name, 'file descriptor', fd, 0, 0x7fff_ffff))
}
