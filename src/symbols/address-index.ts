/**
 * The lines of `/proc/kallsyms` by address. Pure.
 *
 * The kernel's own symbols are sorted and looked for in the text as it is: one lookup then needs nothing that would
 * have to be made of some hundred thousand lines first. What is behind them, the symbols of modules, gets an index.
 *
 * @module
 */

import { compareAddress, highOf, isLine, lineStarts, lowOf, nextLine, startOfLine } from './symbol-lines.ts'

/** So many lookups go through the sorted text before there is a table of it, which costs about as much. */
const LOOKUPS = 5000

/** Lines of a text that starts with sorted ones. */
export class AddressIndex {
  readonly #text: Uint8Array
  /** Bytes of the lines that are sorted. */
  readonly #sorted: number
  /** The sorted lines, once there were many lookups. */
  #own: AddressTable | undefined
  #lookups = 0
  /** The others. */
  readonly #rest: AddressTable

  /**
   * @param text in the format of `/proc/kallsyms`
   * @param sorted bytes of the lines at its start that are sorted by address
   */
  constructor(text: Uint8Array, sorted: number) {
    this.#text = text
    this.#sorted = sorted
    this.#rest = new AddressTable(text, inOrder(text, lineStarts(text, sorted, text.length)))
  }

  /** Whether all addresses are 0. */
  get hidden(): boolean {
    return this.at(0xffff_ffff, 0xffff_ffff) === undefined
  }

  /**
   * Where the line starts whose address is the nearest at or before this one; of several with one address the first
   * in the file. `undefined` when no symbol is there, or its address is 0.
   *
   * @param high upper half of the address
   * @param low lower half
   */
  at(high: number, low: number): number | undefined {
    const text = this.#text
    if (this.#own === undefined && this.#lookups++ === LOOKUPS) {
      this.#own = new AddressTable(text, lineStarts(text, 0, this.#sorted))
    }
    const own = this.#own === undefined ? this.#search(high, low) : this.#own.at(high, low)
    const other = this.#rest.at(high, low)
    if (own === undefined || other === undefined) return own ?? other
    return compareAddress(text, own, highOf(text, other), lowOf(text, other)) < 0 ? other : own
  }

  /** Looks for an address in the sorted text. */
  #search(high: number, low: number): number | undefined {
    const text = this.#text
    // Starts of lines, or the end: lines before `from` are at or before the address, those from `to` on behind it.
    let from = 0
    let to = this.#sorted
    while (from < to) {
      const middle = startOfLine(text, (from + to) >>> 1)
      if (compareAddress(text, middle, high, low) <= 0) from = nextLine(text, middle)
      else to = middle
    }
    if (from === 0) return undefined
    let nearest = startOfLine(text, from - 1)
    const highest = highOf(text, nearest)
    const lowest = lowOf(text, nearest)
    if (highest === 0 && lowest === 0) return undefined
    while (nearest > 0) {
      const before = startOfLine(text, nearest - 1)
      if (compareAddress(text, before, highest, lowest) !== 0) break
      nearest = before
    }
    return nearest
  }
}

/** Some lines by address. */
class AddressTable {
  /** Where each starts. */
  readonly #starts: Uint32Array
  readonly #high: Uint32Array
  readonly #low: Uint32Array

  /** @param starts of the lines, sorted by address; those of one address in the order of the file */
  constructor(text: Uint8Array, starts: Uint32Array) {
    this.#starts = starts
    this.#high = starts.map(start => highOf(text, start))
    this.#low = starts.map(start => lowOf(text, start))
  }

  /** Where the nearest of them starts, as {@link AddressIndex.at} says. */
  at(high: number, low: number): number | undefined {
    // Lines before `from` are at or before the address, those from `to` on behind it.
    let from = 0
    let to = this.#starts.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#compare(middle, high, low) <= 0) from = middle + 1
      else to = middle
    }
    if (from === 0) return undefined
    let nearest = from - 1
    const highest = this.#high[nearest]!
    const lowest = this.#low[nearest]!
    if (highest === 0 && lowest === 0) return undefined
    while (nearest > 0 && this.#compare(nearest - 1, highest, lowest) === 0) nearest--
    return this.#starts[nearest]
  }

  #compare(index: number, high: number, low: number): number {
    return this.#high[index]! - high || this.#low[index]! - low
  }
}

/** Starts of lines, sorted by the addresses of these. */
function inOrder(text: Uint8Array, starts: Uint32Array): Uint32Array {
  const high = starts.map(start => highOf(text, start))
  const low = starts.map(start => lowOf(text, start))
  const order = Uint32Array.from(starts.keys())
  order.sort((a, b) => high[a]! - high[b]! || low[a]! - low[b]! || a - b)
  return order.map(line => starts[line]!)
}

/** Bytes of the lines at the start of a text that are sorted by address. */
export function sortedBytes(text: Uint8Array): number {
  let start = 0
  let high = 0
  let low = 0
  while (isLine(text, start) && compareAddress(text, start, high, low) >= 0) {
    high = highOf(text, start)
    low = lowOf(text, start)
    start = nextLine(text, start)
  }
  return Math.min(start, text.length)
}
