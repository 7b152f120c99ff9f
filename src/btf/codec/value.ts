/**
 * What codecs of BTF types read and write.
 *
 * @module
 */

import type { AlignedCodec } from '../../base/codec.ts'

/** A value that was read through BTF. */
export type BtfValue = number | bigint | boolean | string | Uint8Array | BtfValue[] | BtfStructValue

/** The value of a struct, union or data section, by the names of its members. */
export type BtfStructValue = { [member: string]: BtfValue }

/** A value to write through BTF: as it is read, but a bigint may be a safe integer, and members may be left out. */
export type BtfInputValue =
  | number
  | bigint
  | boolean
  | string
  | Uint8Array
  | readonly BtfInputValue[]
  | BtfStructInput

/** What a struct, union or data section is written from; members that are not given become zero. */
export type BtfStructInput = { readonly [member: string]: BtfInputValue | undefined }

/** Codec of some BTF type; encoding checks that the value is one of that type. */
export type ValueCodec = AlignedCodec<BtfValue, BtfInputValue>

/**
 * What can be written where `T` is read through BTF: a safe integer for a `bigint`, any `Uint8Array` for bytes, some of
 * the members for a struct. `unknown` stays `unknown`: the codec checks it.
 *
 * @example
 * BtfInput<{ pid: number; ns: bigint }> // { readonly pid?: number | undefined; readonly ns?: number | bigint | undefined }
 */
export type BtfInput<T> = unknown extends T
  ? unknown
  : T extends bigint
    ? bigint | number
    : T extends number | string | boolean | null | undefined
      ? T
      : T extends Uint8Array
        ? Uint8Array
        : T extends readonly unknown[]
          ? { readonly [I in keyof T]: BtfInput<T[I]> }
          : { readonly [K in keyof T]?: BtfInput<T[K]> | undefined }
