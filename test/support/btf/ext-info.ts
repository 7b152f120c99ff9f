/**
 * `.BTF.ext` from numbers.
 *
 * @module
 */

import type { ByteOrder } from '../../../src/base/bytes.ts'
import { BTF_MAGIC, BTF_VERSION } from '../../../src/btf/format.ts'

/**
 * `.BTF.ext` of three parts, each a list of words: functions, lines, and CO-RE relocations, which the shorter header of
 * old compilers leaves out.
 */
export function extInfo(
  [functions, lines, core]: [number[], number[], number[]?],
  headerLength = 32,
  order: ByteOrder = 'little',
): Uint8Array {
  const parts = [functions, lines, core ?? []]
  const bytes = new Uint8Array(headerLength + parts.flat().length * 4)
  const view = new DataView(bytes.buffer)
  const little = order === 'little'
  view.setUint16(0, BTF_MAGIC, little)
  view.setUint8(2, BTF_VERSION)
  view.setUint32(4, headerLength, little)
  let at = 0
  parts.forEach((words, i) => {
    if (8 + i * 8 < headerLength) {
      view.setUint32(8 + i * 8, at, little)
      view.setUint32(12 + i * 8, words.length * 4, little)
    }
    for (const word of words) {
      view.setUint32(headerLength + at, word, little)
      at += 4
    }
  })
  return bytes
}
