/**
 * CO-RE on hand-made BTF: one instruction, one relocation, two sets of types.
 *
 * @module
 */

import type { ExecutionContext } from 'ava'
import { type CoreRelocationKind, coreRelocationKinds } from '../../../src/abi/generated/enums.ts'
import { mov } from '../../../src/asm/alu.ts'
import { loadImm64 } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { load, store } from '../../../src/asm/memory.ts'
import { r1, r2 } from '../../../src/asm/registers.ts'
import { type ByteOrder, hostByteOrder } from '../../../src/base/bytes.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { type CoreResult, type CoreTargets, relocateCore } from '../../../src/btf/core/relocate.ts'
import type { BtfEnum, BtfInt, BtfType } from '../../../src/btf/types.ts'
import { btfOf, int, member, struct } from './types.ts'

/** `r1 = imm` (ALU64), `r1 = imm ll`, `r1 = *(u32 *)(r2 + offset)` and so on; `holds` is the value before. */
export const holders = {
  mov: (holds: number): Instruction => ({ ...mov(r1, 0), imm: holds }),
  load64: (holds: number | bigint): Instruction => loadImm64(r1, holds),
  ldx32: (holds: number): Instruction => ({ ...load('u32', r1, r2), offset: holds }),
  ldx64: (holds: number): Instruction => ({ ...load('u64', r1, r2), offset: holds }),
  ldx8: (holds: number): Instruction => ({ ...load('u8', r1, r2), offset: holds }),
  stx32: (holds: number): Instruction => ({ ...store('u32', r1, 0, r2), offset: holds }),
  st32: (holds: number): Instruction => ({ ...store('u32', r1, 0, 7), offset: holds }),
} as const

/** What a relocation is about; `access` is `'0'` by default. */
export interface Relocation {
  kind: CoreRelocationKind | number
  typeId: number
  access?: string
}

/** Types of the object and of the kernel, ids counting from 1. */
export interface CoreTypes {
  local: readonly BtfType[]
  kernel: readonly BtfType[]
  modules?: readonly (readonly BtfType[])[]
  byteOrder?: ByteOrder
}

/** The instruction with a relocation. */
export function relocated(instruction: Instruction, { kind, typeId, access = '0' }: Relocation): Instruction {
  const number = typeof kind === 'number' ? kind : coreRelocationKinds[kind]
  return { ...instruction, relocation: { kind: number, typeId, access } }
}

/** The kernel's types, as a loader would find them. */
export function targets({
  kernel,
  modules = [],
  byteOrder = hostByteOrder,
}: Pick<CoreTypes, 'kernel' | 'modules' | 'byteOrder'>): CoreTargets {
  const vmlinux = btfOf(kernel, byteOrder)
  return {
    kernel: () => vmlinux,
    modules: () => modules.map(types => btfOf(types, byteOrder, { base: vmlinux })),
  }
}

/** Relocates one instruction. */
export function relocate(types: CoreTypes, relocation: Relocation, instruction: Instruction): CoreResult {
  const local = btfOf(types.local, types.byteOrder)
  return relocateCore([relocated(instruction, relocation)], local, targets(types))
}

/** The value that a relocation puts into `r1 = imm`; `undefined` when it poisons. */
export function value(types: CoreTypes, relocation: Relocation, holds = 0): number | bigint | undefined {
  const { instructions, failures } = relocate(types, relocation, holders.mov(holds))
  return failures.length > 0 ? undefined : instructions[0]!.imm
}

/** Expects an error of a relocation that can never be applied. */
export function refuses(t: ExecutionContext, act: () => unknown, reason: string): void {
  const message = `Cannot apply a CO-RE relocation: ${reason}`
  t.throws(act, { instanceOf: BpfError, message, code: 'ERR_CORE' })
}

/** Integer types. */
export const u8: BtfInt = int('unsigned char', 1)
export const u32: BtfInt = int('unsigned int', 4)
export const i32: BtfInt = int('int', 4, 'signed')
export const u64: BtfInt = int('unsigned long', 8)
export const i64: BtfInt = int('long', 8, 'signed')
/** A pointer. */
export const ptr = (type: number): BtfType => ({ kind: 'ptr', name: '', type })
/** An array. */
export const array = (type: number, count: number): BtfType => ({
  kind: 'array',
  name: '',
  type,
  indexType: 1,
  count,
})
/** A union. */
export const union = (name: string, size: number, ...members: ReturnType<typeof member>[]): BtfType => ({
  ...struct(name, size, ...members),
  kind: 'union',
})
/** An enum of 4 bytes, unsigned unless `more` says otherwise. */
export const enumOf = (name: string, values: [string, number][], more: Partial<BtfEnum> = {}): BtfEnum => ({
  kind: 'enum',
  name,
  size: 4,
  signed: false,
  values: values.map(([each, number]) => ({ name: each, value: number })),
  ...more,
})

/** One struct with a field at 0 here, and at 16 in `kernel`. */
export const local = [u32, struct('s', 4, member('x', 1, 0))]
/** The kernel's idea of `local`. */
export const kernel = [u64, u32, struct('s', 24, member('a', 1, 0), member('b', 1, 64), member('x', 2, 128))]
/** The field of `local`. */
export const x = { typeId: 2, access: '0:0' } as const
/** The struct without the field. */
export const missing = [u32, struct('s', 4, member('y', 1, 0))]
