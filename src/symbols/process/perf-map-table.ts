/**
 * Entries of a perf map by address. Pure.
 *
 * @module
 */

import type { FunctionAt } from '../files/function-source.ts'
import { type Layer, layOut, ownerAt } from './perf-map-layer.ts'

const NEWLINE = 0x0a
const SPACE = 0x20
const RETURN = 0x0d
/** Bytes of a usual line. */
const USUAL = 40
const LONGEST_NAME = 1 << 12
/** Entries, and bytes of their text, at most; an hour of a busy program writes less. */
const MAX_ENTRIES = 2_000_000
const MAX_TEXT = 128 << 20
/** Bytes of memory for an entry besides its text. */
const PER_ENTRY = 48
/** Entries that are looked at one by one before they are laid out. */
const MAX_APART = 64

/** Entries: the newest that covers an address has it. */
export class PerfMapTable {
  #text: Uint8Array = new Uint8Array(0)
  #length = 0
  #count = 0
  #starts = new Float64Array(0)
  #sizes = new Float64Array(0)
  /** Where each name begins and ends in the text. */
  #names = new Uint32Array(0)
  /** Each more than twice as large as the next one: an entry is laid out as often as the number of entries has digits. */
  readonly #layers: Layer[] = []
  /** How many entries are in layers. The others are looked at one by one. */
  #laidOut = 0
  #full = false
  #moved = 0

  /** Number of entries. */
  get length(): number {
    return this.#count
  }

  /** Bytes of memory that it takes: for an entry those of three columns, and of a layer with two pieces. */
  get memory(): number {
    return this.#length + PER_ENTRY * this.#count
  }

  /** How many entries were laid out, again and again: the work that adding them has been. */
  get moved(): number {
    return this.#moved
  }

  /** Whether entries were passed over since there are too many, or their text is too long. */
  get full(): boolean {
    return this.#full
  }

  /** Adds lines; those that are not entries are passed over. */
  add(lines: Uint8Array): void {
    if (this.#full) return
    if (this.#length + lines.length > MAX_TEXT) {
      this.#full = true
      return
    }
    const offset = this.#length
    this.#text = grown(this.#text, offset + lines.length)
    this.#text.set(lines, offset)
    this.#length += lines.length
    let at = offset
    while (at < this.#length && !this.#full) {
      const newline = this.#text.indexOf(NEWLINE, at)
      const end = newline === -1 || newline >= this.#length ? this.#length : newline
      this.#addLine(at, end)
      at = end + 1
    }
  }

  /**
   * The newest function that covers an address.
   *
   * @param among the first so many entries, those that there were at some time; of later ones only what lies where none of them
   *   does, since it is newer than that time
   */
  find(address: number, among: number = this.#count): FunctionAt | undefined {
    let entry = this.#newest(address, among)
    if (entry === -1 && among < this.#count) entry = this.#newest(address, this.#count)
    if (entry === -1) return undefined
    const name = Buffer.from(
      this.#text.subarray(this.#names[2 * entry], this.#names[2 * entry + 1]),
    ).toString()
    return { name, start: this.#starts[entry]! }
  }

  /** The newest of the first so many entries that covers an address, or -1. */
  #newest(address: number, among: number): number {
    if (this.#count - this.#laidOut > MAX_APART) this.#layOut()
    const last = this.#newestOf(this.#laidOut, Math.min(among, this.#count), address)
    if (last !== -1) return last
    for (let i = this.#layers.length - 1; i >= 0; i--) {
      const layer = this.#layers[i]!
      if (layer.from >= among) continue
      const owner = ownerAt(layer, address)
      const found = owner < among ? owner : this.#newestOf(layer.from, among, address)
      if (found !== -1) return found
    }
    return -1
  }

  /** Looks at entries one by one. */
  #newestOf(from: number, to: number, address: number): number {
    for (let entry = to - 1; entry >= from; entry--) {
      const start = this.#starts[entry]!
      if (start <= address && address < start + this.#sizes[entry]!) return entry
    }
    return -1
  }

  /** Makes a layer of the entries that are in none, with those of layers that are not much larger. */
  #layOut(): void {
    let from = this.#laidOut
    for (let last = this.#layers.at(-1); last !== undefined; last = this.#layers.at(-1)) {
      if (last.to - last.from > 2 * (this.#count - from)) break
      from = last.from
      this.#layers.pop()
    }
    this.#layers.push(layOut(this.#starts, this.#sizes, from, this.#count))
    this.#laidOut = this.#count
    this.#moved += this.#count - from
  }

  #addLine(from: number, to: number): void {
    const text = this.#text
    let at = from
    const number = (): number => {
      if (text[at] === 0x30 && text[at + 1] === 0x78) at += 2
      const first = at
      let value = 0
      for (; at < to; at++) {
        const digit = digitOf(text[at]!)
        if (digit === -1) break
        value = value * 16 + digit
      }
      if (at === first || text[at] !== SPACE) return Number.NaN
      while (text[at] === SPACE) at++
      return value
    }
    const start = number()
    const size = number()
    // Not above what a process can have, nor nothing.
    if (!(start + size <= Number.MAX_SAFE_INTEGER) || size === 0 || at >= to) return
    const end = text[to - 1] === RETURN ? to - 1 : to
    if (this.#count === MAX_ENTRIES) {
      this.#full = true
      return
    }
    if (this.#count === this.#starts.length) this.#grow()
    this.#starts[this.#count] = start
    this.#sizes[this.#count] = size
    this.#names[2 * this.#count] = at
    this.#names[2 * this.#count + 1] = Math.min(end, at + LONGEST_NAME)
    this.#count++
  }

  #grow(): void {
    const usual = Math.max(2 * this.#count, Math.ceil(this.#length / USUAL))
    const room = Math.min(MAX_ENTRIES, Math.max(this.#count + 1, usual))
    this.#starts = copyInto(new Float64Array(room), this.#starts)
    this.#sizes = copyInto(new Float64Array(room), this.#sizes)
    this.#names = copyInto(new Uint32Array(2 * room), this.#names)
  }
}

function digitOf(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  if (length <= bytes.length) return bytes
  const greater = new Uint8Array(Math.max(length, 2 * bytes.length))
  greater.set(bytes)
  return greater
}

function copyInto<T extends Float64Array | Uint32Array>(target: T, source: T): T {
  target.set(source)
  return target
}
