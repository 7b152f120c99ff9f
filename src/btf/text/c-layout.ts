/**
 * How C compilers lay out structs, so that one written in C gets the offsets that BTF says it has.
 *
 * Source: libbpf btf.c `btf__align_of`, btf_dump.c `btf_is_struct_packed`, `btf_dump_emit_bit_padding`.
 *
 * @module
 */

import { type Btf, MAX_RESOLVE_DEPTH } from '../btf.ts'
import type { BtfStruct } from '../types.ts'

/** Greatest alignment of a scalar, in bytes. */
const WORD = 8
/** How deep structs are nested at most; deeper ones are no C. */
const MAX_NESTING = 64

/** Remembers alignments of the structs of one BTF, which are asked for again and again. */
export class CLayout {
  readonly #btf: Btf
  readonly #alignments = new Map<number, number>()

  constructor(btf: Btf) {
    this.#btf = btf
  }

  /** Alignment of a type in bytes, as its members give it; 1 for what has none. */
  alignOf(id: number): number {
    return this.#align(id, 0)
  }

  #align(id: number, nesting: number): number {
    for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
      id = this.#btf.resolve(id)
      const type = this.#btf.type(id)
      switch (type.kind) {
        case 'int':
        case 'enum':
        case 'enum64':
        case 'float':
          return Math.min(WORD, type.size)
        case 'ptr':
          return WORD
        case 'array':
          id = type.type
          break
        case 'struct':
        case 'union':
          return nesting > MAX_NESTING ? 1 : this.#alignOfStruct(id, type, nesting)
        default:
          return 1
      }
    }
    return 1
  }

  #alignOfStruct(id: number, type: BtfStruct, nesting: number): number {
    const kept = this.#alignments.get(id)
    if (kept !== undefined) return kept
    // Also what a struct that contains itself, which C cannot say, gets.
    this.#alignments.set(id, 1)
    let align = 1
    for (const member of type.members) {
      const own = this.#align(member.type, nesting + 1)
      if (member.bitSize === 0 && member.bitOffset % (own * 8) !== 0) return 1
      align = Math.max(align, own)
    }
    if (type.size % align !== 0) return 1
    this.#alignments.set(id, align)
    return align
  }

  /** Whether a struct needs `__attribute__((packed))` to have the offsets and the size that it has. */
  isPacked(type: BtfStruct): boolean {
    if (type.kind === 'union') return false
    let align = 1
    for (const member of type.members) {
      const own = this.alignOf(member.type)
      if (member.bitSize === 0 && member.bitOffset % (own * 8) !== 0) return true
      align = Math.max(align, own)
    }
    return type.size % align !== 0
  }
}

/** Types that padding is made of, with their bits. */
const PADS = [
  ['long', 64],
  ['int', 32],
  ['short', 16],
  ['char', 8],
] as const

/** Most members of padding; beyond, an array is written. */
const MAX_PADS = 64

/** Where the gap before a member is. */
export interface Gap {
  /** Bit where the member before ends. */
  from: number
  /** Bit where the next one starts. */
  to: number
  /** Alignment of the next one, in bytes. */
  align: number
  /** Whether both are bitfields. */
  inBitfield: boolean
}

/** The unnamed bitfields, such as `'int: 32'`, that make a compiler leave a gap that it would not leave itself. */
export function padding({ from, to, align, inBitfield }: Gap): string[] {
  if (from >= to) return []
  const pads: string[] = []
  const [name, bits] = PADS.find(([, each]) => roundUp(from, each) <= to) ?? PADS.at(-1)!
  const start = roundUp(from, bits)
  if (start > from && start <= to) {
    // Alignment alone moves the next member unless it asks for less.
    const needsMark =
      inBitfield ||
      (start === to && roundUp(from, align * 8) !== start) ||
      (start !== to && to - start <= start - from)
    if (needsMark) pads.push(`${name}: ${inBitfield ? start - from : 0}`)
    from = start
  }
  if ((to - from) / bits > MAX_PADS) {
    const bytes = Math.floor((to - from) / 8)
    pads.push(`char __padding_${from / 8}[${bytes}]`)
    from += bytes * 8
  }
  for (; from + bits <= to; from += bits) pads.push(`${name}: ${bits}`)
  if (from < to) {
    const rest = to - from
    const smallest = PADS.findLast(([, each]) => each >= rest)!
    pads.push(`${smallest[0]}: ${rest}`)
  }
  return pads
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step
}
