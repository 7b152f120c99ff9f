/**
 * Makes BTF by hand: the types that C declares, in few words.
 *
 * @module
 */

import { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import type { BtfInt, BtfMember } from '../../../src/btf/types.ts'

/** A member: its name (empty when anonymous), type and offset in bytes; of a bitfield, the offset in bits and width. */
export type MemberOf =
  | readonly [name: string, type: number, offset: number]
  | readonly [name: string, type: number, bitOffset: number, bits: number]

/** Adds types to a BTF; every method returns the id of the new type. */
export class BtfMaker {
  readonly builder: BtfBuilder = new BtfBuilder()

  int(name: string, size: number, encoding: BtfInt['encoding'] = 'unsigned'): number {
    return this.builder.add({ kind: 'int', name, size, encoding, bitOffset: 0, bits: size * 8 })
  }

  float(name: string, size: number): number {
    return this.builder.add({ kind: 'float', name, size })
  }

  pointer(type = 0): number {
    return this.builder.add({ kind: 'ptr', name: '', type })
  }

  typedef(name: string, type: number): number {
    return this.builder.add({ kind: 'typedef', name, type })
  }

  array(type: number, count: number): number {
    return this.builder.add({ kind: 'array', name: '', type, indexType: type, count })
  }

  /** An enum of 4 bytes, or an `enum64` when its values are bigints. */
  enum(name: string, values: Readonly<Record<string, number | bigint>>, signed = false): number {
    const list = Object.entries(values).map(([each, value]) => ({ name: each, value }))
    const wide = list.some(({ value }) => typeof value === 'bigint')
    const kind = wide ? 'enum64' : 'enum'
    return this.builder.add({ kind, name, size: wide ? 8 : 4, signed, values: list })
  }

  struct(name: string, size: number, ...members: MemberOf[]): number {
    return this.builder.add({ kind: 'struct', name, size, members: members.map(asMember) })
  }

  union(name: string, size: number, ...members: MemberOf[]): number {
    return this.builder.add({ kind: 'union', name, size, members: members.map(asMember) })
  }

  /** A function; a parameter of type 0 is the dots of one that takes any number. */
  func(name: string, result: number, ...params: number[]): number {
    const list = params.map((type, i) => ({ name: type === 0 ? '' : `a${i}`, type }))
    const type = this.builder.add({ kind: 'func_proto', name: '', type: result, params: list })
    return this.builder.add({ kind: 'func', name, type, linkage: 'static' })
  }

  /** What was made so far, as a parser sees it. */
  parse(): Btf {
    return Btf.parse(this.builder.build())
  }
}

function asMember([name, type, offset, bits]: MemberOf): BtfMember {
  return bits === undefined
    ? { name, type, bitOffset: offset * 8, bitSize: 0 }
    : { name, type, bitOffset: offset, bitSize: bits }
}
