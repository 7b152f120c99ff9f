/**
 * The pass that puts the kernel's symbols where instructions name externs, and poisons calls of functions that the
 * kernel does not have: a program may ask before it calls (`bpf_ksym_exists`).
 *
 * Options of the kernel's configuration (`.kconfig`) are values of a map, not instructions.
 *
 * Source: libbpf `bpf_object__relocate_data`, `poison_kfunc_call`.
 *
 * @module
 */

import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_KFUNC_CALL } from '../../abi/constants.ts'
import { type Instruction, slotCount } from '../../asm/instruction.ts'
import { CALL, LDIMM64 } from '../../asm/opcodes.ts'
import { poisoned, poisonNumbers } from '../../asm/poison.ts'
import { BpfError } from '../../base/errors.ts'
import type { FoundExtern, KernelExterns } from './kernel-externs.ts'
import type { Poisons } from './poison.ts'

/** What this pass needs to know. */
export interface ExternContext {
  /** Finds the kernel's symbols. Default: externs stay. */
  readonly externs?: KernelExterns | undefined
  readonly poisons: Poisons
}

/**
 * Resolves the externs of a program.
 *
 * @throws BpfError `ERR_UNRESOLVED` when the kernel lacks a symbol that is not weak, or has it with another type
 */
export function resolveExterns(
  instructions: readonly Instruction[],
  { externs, poisons }: ExternContext,
): readonly Instruction[] {
  if (externs === undefined) return instructions
  if (!instructions.some(({ reference }) => reference?.kind === 'extern')) return instructions
  return putSymbols(instructions, externs, poisons)
}

function putSymbols(
  instructions: readonly Instruction[],
  externs: KernelExterns,
  poisons: Poisons,
): readonly Instruction[] {
  const result: Instruction[] = []
  let slot = 0
  for (const instruction of instructions) {
    if (instruction.reference?.kind !== 'extern') {
      result.push(instruction)
    } else {
      const { reference, ...rest } = instruction
      const { name, addend } = reference
      const symbol = externs.find(name)
      if (rest.opcode === LDIMM64) {
        result.push({ ...rest, ...loadOf(symbol, addend) })
      } else if (rest.opcode !== CALL) {
        result.push({ ...rest, imm: immediateOf(name, symbol, addend) })
      } else if ('btfId' in symbol) {
        const offset = externs.callOffset(symbol)
        result.push({ ...rest, src: BPF_PSEUDO_KFUNC_CALL, offset, imm: symbol.btfId })
      } else {
        const number = poisonNumbers.kfunc + externs.indexOf(name)
        const reason = 'missing' in symbol ? symbol.missing : 'it is not a function'
        poisons.add({ number, slot, explanation: `it calls ${name}, but ${reason}` })
        result.push(...poisoned(instruction, number))
      }
    }
    slot += slotCount(instruction)
  }
  return result
}

/** Fields of a 64-bit load. */
function loadOf(symbol: FoundExtern, addend: number): Partial<Instruction> {
  if ('address' in symbol) return { imm: BigInt.asUintN(64, symbol.address + BigInt(addend)) }
  if ('missing' in symbol) return { imm: 0n }
  const { btfId, module } = symbol
  return { src: BPF_PSEUDO_BTF_ID, imm: (BigInt(module?.fd ?? 0) << 32n) | BigInt(btfId) }
}

/**
 * The 32-bit immediate of an instruction that a number is to be put into.
 *
 * @throws BpfError `ERR_UNRESOLVED` when it is not a number of 32 bits
 */
function immediateOf(name: string, symbol: FoundExtern, addend: number): number {
  if ('missing' in symbol) return addend
  const value = 'address' in symbol ? BigInt.asIntN(64, symbol.address) + BigInt(addend) : undefined
  if (value !== undefined && value >= -(1n << 31n) && value < 1n << 32n)
    return Number(BigInt.asIntN(32, value))
  throw new BpfError(`Cannot put ${name} into an instruction: it is not a number of 32 bits`, {
    code: 'ERR_UNRESOLVED',
  })
}
