/**
 * Entries of a perf map by address. Pure.
 *
 * @module
 */

import type { FunctionAt } from '../files/function-source.ts'

const NEWLINE = 0x0a
const SPACE = 0x20
const RETURN = 0x0d
/** Bytes of a usual line. */
const USUAL = 40
const LONGEST_NAME = 1 << 16

/** Entries: the newest that covers an address has it. */
export class PerfMapTable {
  #text: Uint8Array = new Uint8Array(0)
  #length = 0
  #count = 0
  #starts = new Float64Array(0)
  #sizes = new Float64Array(0)
  /** Where each name begins and ends in the text. */
  #names = new Uint32Array(0)
  /** What is on top, between which addresses; made of the entries at the first look-up behind a change. */
  #cells: Cells | undefined

  /** Number of entries. */
  get length(): number {
    return this.#count
  }

  /** Adds lines; those that are not entries are passed over. */
  add(lines: Uint8Array): void {
    const offset = this.#length
    this.#text = grown(this.#text, offset + lines.length)
    this.#text.set(lines, offset)
    this.#length += lines.length
    let at = offset
    while (at < this.#length) {
      const newline = this.#text.indexOf(NEWLINE, at)
      const end = newline === -1 || newline >= this.#length ? this.#length : newline
      this.#addLine(at, end)
      at = end + 1
    }
    this.#cells = undefined
  }

  /**
   * The newest function that covers an address.
   *
   * @param among the first so many entries, those that there were at some time; of later ones only what lies where none of them
   *   does, since it is newer than that time
   */
  find(address: number, among: number = this.#count): FunctionAt | undefined {
    const newest = this.#newest(address)
    if (newest === -1) return undefined
    let entry = newest
    if (newest >= among) {
      for (entry = among - 1; entry >= 0; entry--) if (this.#covers(entry, address)) break
      if (entry < 0) entry = newest
    }
    const name = Buffer.from(
      this.#text.subarray(this.#names[2 * entry], this.#names[2 * entry + 1]),
    ).toString()
    return { name, start: this.#starts[entry]! }
  }

  #covers(entry: number, address: number): boolean {
    const start = this.#starts[entry]!
    return start <= address && address < start + this.#sizes[entry]!
  }

  /** The newest entry that covers an address, or -1. */
  #newest(address: number): number {
    this.#cells ??= layOut(this.#starts, this.#sizes, this.#count)
    const { bounds, owners } = this.#cells
    let low = 0
    let high = bounds.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (bounds[middle]! <= address) low = middle + 1
      else high = middle
    }
    return low === 0 ? -1 : owners[low - 1]!
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
    if (this.#count === this.#starts.length) this.#grow()
    this.#starts[this.#count] = start
    this.#sizes[this.#count] = size
    this.#names[2 * this.#count] = at
    this.#names[2 * this.#count + 1] = Math.min(end, at + LONGEST_NAME)
    this.#count++
  }

  #grow(): void {
    const room = Math.max(2 * this.#count, Math.ceil(this.#length / USUAL))
    this.#starts = copyInto(new Float64Array(room), this.#starts)
    this.#sizes = copyInto(new Float64Array(room), this.#sizes)
    this.#names = copyInto(new Uint32Array(2 * room), this.#names)
  }
}

/** Pieces of memory: where each begins, and the entry that has it, or -1. */
interface Cells {
  readonly bounds: Float64Array
  readonly owners: Int32Array
}

/** Lays entries over each other, the newest on top: from the newest on, each gets what is still free. */
function layOut(starts: Float64Array, sizes: Float64Array, count: number): Cells {
  const all = new Float64Array(2 * count)
  for (let i = 0; i < count; i++) {
    all[2 * i] = starts[i]!
    all[2 * i + 1] = starts[i]! + sizes[i]!
  }
  all.sort()
  let length = 0
  for (let i = 0; i < all.length; i++) {
    if (i === 0 || all[i] !== all[length - 1]) all[length++] = all[i]!
  }
  const bounds = all.slice(0, length)
  const owners = new Int32Array(length).fill(-1)
  /** A cell that may be free, at or behind each. */
  const free = Uint32Array.from({ length: length + 1 }, (_, i) => i)
  const freeFrom = (cell: number): number => {
    let found = cell
    while (free[found] !== found) found = free[found]!
    for (let each = cell; free[each] !== found && each !== found; ) {
      const next = free[each]!
      free[each] = found
      each = next
    }
    return found
  }
  for (let entry = count - 1; entry >= 0; entry--) {
    const end = starts[entry]! + sizes[entry]!
    let cell = freeFrom(indexOf(bounds, starts[entry]!))
    while (cell < length && bounds[cell]! < end) {
      owners[cell] = entry
      free[cell] = cell + 1
      cell = freeFrom(cell + 1)
    }
  }
  return { bounds, owners }
}

/** Index of a value that a sorted array has. */
function indexOf(sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
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
