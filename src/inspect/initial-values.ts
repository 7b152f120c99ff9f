/**
 * Initial values of many variables, within limits: the variables of a hostile object may all be the same bytes, of a
 * type with thousands of members.
 *
 * @module
 */

import { hostByteOrder } from '../base/bytes.ts'
import { unlessRefused } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { type BtfCodec, btfCodec } from '../btf/codec/codec.ts'
import type { CollectionSpec } from '../collection/spec.ts'
import type { VariableSpec } from '../collection/variable-spec.ts'

/** How much may be decoded. */
export interface ValueLimits {
  /** Members and elements; text and bytes count once. */
  readonly values: number
  readonly bytes: number
}

/** Decodes the variables of one object. */
export class InitialValues {
  readonly #btf: Btf | undefined
  readonly #decodes: boolean
  /** By type; `undefined` for those that cannot be decoded. */
  readonly #codecs = new Map<number, BtfCodec | undefined>()
  #values: number
  #bytes: number

  constructor({ btf, byteOrder }: Pick<CollectionSpec, 'btf' | 'byteOrder'>, { values, bytes }: ValueLimits) {
    this.#btf = btf
    this.#decodes = byteOrder === hostByteOrder
    this.#values = values
    this.#bytes = bytes
  }

  /**
   * The value of a variable; its bytes when it has no type that can be decoded here, `null` when it is too large for what
   * is left, or its map has other contents now.
   */
  of(variable: VariableSpec): unknown {
    const codec = this.#codec(variable)
    const values = codec?.values ?? 1
    if (variable.size > this.#bytes || values > this.#values) return null
    const bytes = unlessRefused(() => variable.bytes)
    if (bytes === undefined) return null
    this.#bytes -= variable.size
    this.#values -= values
    if (codec === undefined) return new Uint8Array(bytes)
    return codec.decode(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0)
  }

  #codec({ type, size }: VariableSpec): BtfCodec | undefined {
    if (!this.#decodes || type.id === undefined) return undefined
    const [btf, typeId] = type.id
    // An array that is longer than the object says has a type of its own.
    if (btf !== this.#btf) return unlessRefused(() => btfCodec(btf, typeId))
    let codec = this.#codecs.get(typeId)
    if (codec === undefined && !this.#codecs.has(typeId)) {
      codec = unlessRefused(() => btfCodec(btf, typeId))
      this.#codecs.set(typeId, codec)
    }
    return codec === undefined || codec.size > size ? undefined : codec
  }
}
