/**
 * Text in arrays of `char`. Names of processes and files recur in nearly every event, so reading them is worth
 * some care.
 *
 * @module
 */

import { cString } from './bytes.ts'
import { shown } from './codec.ts'

/** Up to here characters are read one by one, which costs less than making a view for the UTF-8 decoder. */
const SHORT = 48
/** Arrays up to this size have their texts remembered; a task's `comm` has 16 bytes. */
const CACHED_SIZE = 64
const SLOTS = 256

const utf8 = new TextEncoder()

/**
 * Reads arrays of `char` of one size. It remembers recent texts by their bytes: comparing four words is several
 * times faster than making a string, and equal texts share their memory.
 */
export class TextReader {
  readonly #size: number
  /** Words of a remembered array; 0 when none are kept. */
  readonly #words: number
  /** The bytes that led to each text, as words. All zero at first, which is the array of the empty text. */
  readonly #keys: Int32Array
  readonly #texts: string[]

  /** @param size bytes of the array */
  constructor(size: number) {
    this.#size = size
    this.#words = size % 4 === 0 && size <= CACHED_SIZE ? size / 4 : 0
    this.#keys = new Int32Array(this.#words * SLOTS)
    this.#texts = this.#words === 0 ? [] : new Array<string>(SLOTS).fill('')
  }

  /** Reads the text at `offset`. */
  read(view: DataView, offset: number): string {
    const words = this.#words
    if (words === 0) return readText(view, offset, this.#size)
    const keys = this.#keys
    let hash = 0
    for (let i = 0; i < words; i++) {
      hash = Math.imul(hash ^ view.getInt32(offset + i * 4), 0x9e3779b1)
      hash ^= hash >>> 15
    }
    const slot = hash & (SLOTS - 1)
    const key = slot * words
    let same = 0
    while (same < words && keys[key + same] === view.getInt32(offset + same * 4)) same++
    if (same === words) return this.#texts[slot]!
    const text = readText(view, offset, this.#size)
    for (let i = 0; i < words; i++) keys[key + i] = view.getInt32(offset + i * 4)
    this.#texts[slot] = text
    return text
  }
}

/** Reads the text of up to `size` bytes at `offset`, ended by a NUL if there is one. */
export function readText(view: DataView, offset: number, size: number): string {
  let text = ''
  for (let i = 0; i < size; i++) {
    const byte = view.getUint8(offset + i)
    if (byte === 0) return text
    if (byte >= 0x80 || i === SHORT) {
      return cString(new Uint8Array(view.buffer, view.byteOffset + offset, size))
    }
    text += String.fromCharCode(byte)
  }
  return text
}

/**
 * Writes text into `size` bytes, zeros behind it.
 *
 * @throws TypeError when it is not a string
 * @throws RangeError when it is too long, or contains a NUL and so could not be read back
 */
export function encodeText(value: string, view: DataView, offset: number, size: number): void {
  if (typeof value !== 'string') throw new TypeError(`${shown(value)} is not a string`)
  if (value.includes('\0')) throw new RangeError(`${shown(value)} contains a NUL`)
  const encoded = utf8.encode(value)
  if (encoded.length > size) {
    throw new RangeError(`${shown(value)} has ${encoded.length} bytes, more than ${size}`)
  }
  const target = new Uint8Array(view.buffer, view.byteOffset + offset, size)
  target.set(encoded)
  target.fill(0, encoded.length)
}
