/**
 * BTF as kernels and compilers of the future may write it: kinds that are not known, and what says how large they are.
 *
 * @module
 */

import { type ByteOrder, hostByteOrder } from '../../../src/base/bytes.ts'
import {
  BTF_HEADER_SIZE,
  BTF_LAYOUT_HEADER_SIZE,
  BTF_LAYOUT_SIZE,
  BTF_MAGIC,
  BTF_VERSION,
  btfKindNumbers,
} from '../../../src/btf/format.ts'

/** Number of a kind that no release has. */
export const FUTURE_KIND = 99

/** Words of the type section. */
export interface FutureSource {
  readonly words: readonly number[]
  /** Strings behind the empty one, each ended by NUL. */
  readonly strings?: string
  /** Bytes of kinds behind the header of a type, and for each of `vlen`, by their number; `undefined` for no layout. */
  readonly layout?: Readonly<Record<number, readonly [info: number, each: number]>> | undefined
  readonly byteOrder?: ByteOrder
}

/** Writes BTF word by word. */
export function futureBtf({
  words,
  strings = '',
  layout,
  byteOrder = hostByteOrder,
}: FutureSource): Uint8Array {
  const little = byteOrder === 'little'
  const headerSize = layout === undefined ? BTF_HEADER_SIZE : BTF_LAYOUT_HEADER_SIZE
  const kinds = layout === undefined ? 0 : Math.max(...Object.keys(layout).map(Number)) + 1
  const text = new TextEncoder().encode(`\0${strings}`)
  const layoutAt = words.length * 4
  const stringsAt = layoutAt + kinds * BTF_LAYOUT_SIZE
  const bytes = new Uint8Array(headerSize + stringsAt + text.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, BTF_MAGIC, little)
  view.setUint8(2, BTF_VERSION)
  const header = [headerSize, 0, layoutAt, stringsAt, text.length]
  if (layout !== undefined) header.push(layoutAt, kinds * BTF_LAYOUT_SIZE)
  header.forEach((word, index) => {
    view.setUint32(4 + index * 4, word, little)
  })
  words.forEach((word, index) => {
    view.setUint32(headerSize + index * 4, word, little)
  })
  for (const [kind, sizes] of Object.entries(layout ?? {})) {
    bytes.set(sizes, headerSize + layoutAt + Number(kind) * BTF_LAYOUT_SIZE)
  }
  bytes.set(text, headerSize + stringsAt)
  return bytes
}

/** Second word of a type. */
export function infoOf(kind: number, vlen = 0, flag = false): number {
  return ((flag ? 2 ** 31 : 0) + kind * 2 ** 24 + vlen) >>> 0
}

/**
 * A future kind of five words and two more for each of two, between an `int` and a struct that has a member of it and a
 * pointer to it: types 1 to 4, and 2 is the one that is not known.
 */
export const futureWords: readonly number[] = [
  ...[1, infoOf(btfKindNumbers.int), 4, 32],
  ...[5, infoOf(FUTURE_KIND, 2, true), 0, 0xdead, 0xbeef, 1, 2, 3, 4],
  ...[0, infoOf(btfKindNumbers.ptr), 2],
  ...[12, infoOf(btfKindNumbers.struct, 3), 24],
  ...[1, 1, 0],
  ...[5, 2, 64],
  ...[5, 3, 128],
]
/** Their strings: at 1, 5 and 12. */
export const futureStrings = 'int\0future\0after\0'
/** Its layout. */
export const futureLayout: Readonly<Record<number, readonly [info: number, each: number]>> = {
  [FUTURE_KIND]: [8, 8],
}
