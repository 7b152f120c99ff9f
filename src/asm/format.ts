/**
 * Text of single instructions, by class. An instruction is only put into words when every field that its
 * operation does not use is 0; all else is shown as bytes, so that no two instructions look the same.
 *
 * @module
 */

import { enumName } from '../abi/names.ts'
import { encodeInstructions } from './encode.ts'
import { formatCall, formatWide } from './format-reference.ts'
import type { Instruction } from './instruction.ts'
import {
  ADDRESS_SPACE_CAST,
  type AluOperation,
  type AtomicOperation,
  aluOperations,
  atomicOperations,
  CLASS_MASK,
  classes,
  type JumpOperation,
  jumpOperations,
  LDIMM64,
  MODE_MASK,
  modes,
  OPERATION_MASK,
  SIGNED_DIVISION,
  SIZE_MASK,
  SOURCE_MASK,
  sizes,
} from './opcodes.ts'
import { r10, r11 } from './registers.ts'

/** An instruction whose immediate is a signed 32-bit number. */
interface Narrow extends Instruction {
  imm: number
}

/** Signs of the operations that assign. */
const assignments: Partial<Record<AluOperation, string>> = {
  add: '+=',
  sub: '-=',
  mul: '*=',
  div: '/=',
  or: '|=',
  and: '&=',
  lsh: '<<=',
  rsh: '>>=',
  mod: '%=',
  xor: '^=',
  mov: '=',
  arsh: 's>>=',
}

/** Signs of the comparisons. */
const comparisons: Partial<Record<JumpOperation, string>> = {
  jeq: '==',
  jgt: '>',
  jge: '>=',
  jset: '&',
  jne: '!=',
  jsgt: 's>',
  jsge: 's>=',
  jlt: '<',
  jle: '<=',
  jslt: 's<',
  jsle: 's<=',
}

/** Signs of the atomic operations that do not return the old value. */
const locked: Partial<Record<AtomicOperation, string>> = { add: '+=', or: '|=', and: '&=', xor: '^=' }

/** Bits of an access, by the name of its size. */
const sizeBits = { b: 8, h: 16, w: 32, dw: 64 } as const

/**
 * Text of an instruction; its bytes when neither RFC 9669 nor the kernel defines it.
 *
 * @param maps what the numbers of maps are
 */
export function formatInstruction(instruction: Instruction, maps: 'fd' | 'id'): string {
  return formatKnown(instruction, maps) ?? `.byte ${rawBytes(instruction)}`
}

/** Bytes of an instruction in little-endian order: `'0xb7, 0x00, ...'`; fields that are too large are cut. */
export function rawBytes({ opcode, dst, src, offset, imm }: Instruction): string {
  const cut: Instruction = {
    opcode: opcode & 0xff,
    dst: dst & 0xf,
    src: src & 0xf,
    offset: (offset << 16) >> 16,
    imm: (opcode & 0xff) === LDIMM64 ? BigInt.asUintN(64, BigInt(imm)) : low32(imm),
  }
  const bytes = encodeInstructions([cut], 'little')
  return [...bytes].map(byte => `0x${byte.toString(16).padStart(2, '0')}`).join(', ')
}

function low32(imm: number | bigint): number {
  return Number(BigInt.asIntN(32, BigInt(imm)))
}

/** `r11` is only the base of an address: of what is loaded, or where is stored. */
function hasRegisters({ opcode, dst, src }: Instruction): boolean {
  const kind = opcode & CLASS_MASK
  const isStore = kind === classes.st || kind === classes.stx
  return dst <= (isStore ? r11.number : r10.number) && src <= (kind === classes.ldx ? r11.number : r10.number)
}

function formatKnown(instruction: Instruction, maps: 'fd' | 'id'): string | undefined {
  const { opcode } = instruction
  if (!hasRegisters(instruction)) return undefined
  if (opcode === LDIMM64) return formatWide(instruction, maps)
  const narrow = { ...instruction, imm: low32(instruction.imm) }
  switch (opcode & CLASS_MASK) {
    case classes.alu:
      return formatAlu(narrow, 'w')
    case classes.alu64:
      return formatAlu(narrow, 'r')
    case classes.jmp:
      return formatJump(narrow, 'r')
    case classes.jmp32:
      return formatJump(narrow, 'w')
    case classes.ld:
      return formatPacketLoad(narrow)
    default:
      return formatMemory(narrow)
  }
}

/** @param file what assembly calls the registers: `r` whole ones, `w` the lower halves */
function formatAlu(instruction: Narrow, file: 'r' | 'w'): string | undefined {
  const { opcode, dst, src, offset, imm } = instruction
  const operation = enumName(aluOperations, opcode & OPERATION_MASK)
  const x = (opcode & SOURCE_MASK) !== 0
  const target = `${file}${dst}`
  if (operation === 'end') return formatSwap(instruction, file)
  if (operation === 'neg') return !x && !src && !offset && !imm ? `${target} = -${target}` : undefined

  const sign = typeof operation === 'number' ? undefined : assignments[operation]
  if (sign === undefined) return undefined
  if (operation === 'mov' && x && file === 'r' && offset === ADDRESS_SPACE_CAST) {
    return `${target} = addr_space_cast(r${src}, ${imm >>> 16}, ${imm & 0xffff})`
  }
  if (x ? imm !== 0 : src !== 0) return undefined
  const value = x ? `${file}${src}` : String(imm)
  if (offset === 0) return `${target} ${sign} ${value}`
  if (operation === 'mov') {
    const extend = offset === 8 || offset === 16 || (offset === 32 && file === 'r')
    return x && extend ? `${target} = (s${offset})${value}` : undefined
  }
  const signed = (operation === 'div' || operation === 'mod') && offset === SIGNED_DIVISION
  return signed ? `${target} s${sign} ${value}` : undefined
}

function formatSwap({ opcode, dst, src, offset, imm }: Narrow, file: 'r' | 'w'): string | undefined {
  if (src !== 0 || offset !== 0 || (imm !== 16 && imm !== 32 && imm !== 64)) return undefined
  const x = (opcode & SOURCE_MASK) !== 0
  if (file === 'r') return x ? undefined : `r${dst} = bswap${imm} r${dst}`
  return `r${dst} = ${x ? 'be' : 'le'}${imm} r${dst}`
}

function formatJump(instruction: Narrow, file: 'r' | 'w'): string | undefined {
  const { opcode, dst, src, offset, imm, reference } = instruction
  const operation = enumName(jumpOperations, opcode & OPERATION_MASK)
  const x = (opcode & SOURCE_MASK) !== 0
  const near = reference?.name ?? signed(offset)

  const sign = typeof operation === 'number' ? undefined : comparisons[operation]
  if (sign !== undefined) {
    if (x ? imm !== 0 : src !== 0) return undefined
    return `if ${file}${dst} ${sign} ${x ? `${file}${src}` : imm} goto ${near}`
  }
  if (operation === 'call' && file === 'r' && !x) return formatCall(instruction)
  if (src !== 0) return undefined
  if (x) {
    if (file === 'w' || offset !== 0 || imm !== 0) return undefined
    if (operation === 'ja') return `gotox r${dst}`
    return operation === 'call' ? `callx r${dst}` : undefined
  }
  if (dst !== 0) return undefined
  if (operation === 'ja' && file === 'w') {
    return offset === 0 ? `gotol ${reference?.name ?? signed(imm)}` : undefined
  }
  if (imm !== 0 || file === 'w') return undefined
  if (operation === 'ja') return `goto ${near}`
  if (operation === 'jcond') return `may_goto ${near}`
  return operation === 'exit' && offset === 0 ? 'exit' : undefined
}

/** The loads of packet bytes from classic BPF, for socket filters. */
function formatPacketLoad({ opcode, dst, src, offset, imm }: Narrow): string | undefined {
  const bits = bitsOf(opcode)
  if (dst !== 0 || offset !== 0 || bits === 64) return undefined
  switch (opcode & MODE_MASK) {
    case modes.abs:
      return src === 0 ? `r0 = *(u${bits} *)skb[${imm}]` : undefined
    case modes.ind:
      return `r0 = *(u${bits} *)skb[r${src}${imm === 0 ? '' : spaced(imm)}]`
    default:
      return undefined
  }
}

function formatMemory(instruction: Narrow): string | undefined {
  const { opcode, dst, src, offset, imm } = instruction
  const kind = opcode & CLASS_MASK
  const mode = opcode & MODE_MASK
  const bits = bitsOf(opcode)
  if (kind === classes.stx && mode === modes.atomic) return formatAtomic(instruction)
  if (kind === classes.st) {
    return mode === modes.mem && src === 0 ? `*(u${bits} *)(r${dst}${spaced(offset)}) = ${imm}` : undefined
  }
  if (imm !== 0) return undefined
  if (kind === classes.stx) {
    return mode === modes.mem ? `*(u${bits} *)(r${dst}${spaced(offset)}) = r${src}` : undefined
  }
  if (mode === modes.mem) return `r${dst} = *(u${bits} *)(r${src}${spaced(offset)})`
  return mode === modes.memsx && bits !== 64 ? `r${dst} = *(s${bits} *)(r${src}${spaced(offset)})` : undefined
}

function formatAtomic({ opcode, dst, src, offset, imm }: Narrow): string | undefined {
  const operation = enumName(atomicOperations, imm)
  const bits = bitsOf(opcode)
  const at = `r${dst}${spaced(offset)}`
  if (operation === 'load_acquire') return `r${dst} = load_acquire((u${bits} *)(r${src}${spaced(offset)}))`
  if (operation === 'store_release') return `store_release((u${bits} *)(${at}), r${src})`
  if (typeof operation === 'number' || bits < 32) return undefined
  const sign = locked[operation]
  const file = bits === 64 ? 'r' : 'w'
  if (sign !== undefined) return `lock *(u${bits} *)(${at}) ${sign} ${file}${src}`
  const exchange = bits === 64 ? '_64' : '32_32'
  switch (operation) {
    case 'xchg':
      return `${file}${src} = xchg${exchange}(${at}, ${file}${src})`
    case 'cmpxchg':
      return `${file}0 = cmpxchg${exchange}(${at}, ${file}0, ${file}${src})`
    default:
      return `${file}${src} = atomic_${operation}((u${bits} *)(${at}), ${file}${src})`
  }
}

function bitsOf(opcode: number): 8 | 16 | 32 | 64 {
  const size = enumName(sizes, opcode & SIZE_MASK)
  // The table has a name for each of the four values.
  return typeof size === 'number' ? 64 : sizeBits[size]
}

/** `+3`, `-3`. */
function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`
}

/** ` + 3`, ` - 3`. */
function spaced(value: number): string {
  return value < 0 ? ` - ${-value}` : ` + ${value}`
}
