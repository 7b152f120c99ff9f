/**
 * Where the lines of `/proc/kallsyms` are, by address and by name. Pure.
 *
 * Some hundred thousand lines are read byte by byte once; nothing is allocated for a line. Addresses are kept as two
 * halves: numbers compare several times faster than bigints.
 *
 * @module
 */

const NEWLINE = 0x0a
const TAB = 0x09
/** Digits of an address, then a space, the type, a space. */
export const NAME_AT = 19
/** Bytes of the shortest line that is taken for one. */
const SHORTEST = NAME_AT + 1
/** Bytes of a usual line; there is room for more of them if they are shorter. */
const USUAL = 40

/** Of FNV-1a, which spreads names well enough. */
const HASH_START = 0x811c9dc5
const HASH_FACTOR = 0x01000193

/** The lines of one text, numbered from 0. */
export class SymbolIndex {
  readonly #text: Uint8Array
  /** Where each line starts. */
  readonly #starts: Uint32Array
  readonly #high: Uint32Array
  readonly #low: Uint32Array
  /** Numbers of lines by address, lines of the same address in the order of the file. */
  readonly #byAddress: Uint32Array
  /** By hash: the number of the first line, plus 1. */
  readonly #heads: Uint32Array
  /** By line: the number of the next one with the same hash, plus 1. */
  readonly #next: Uint32Array

  /** @param text in the format of `/proc/kallsyms` */
  constructor(text: Uint8Array) {
    this.#text = text
    let starts = new Uint32Array(Math.ceil(text.length / USUAL))
    let hashes = new Uint32Array(starts.length)
    let count = 0
    for (let start = 0; start + SHORTEST <= text.length; count++) {
      if (count === starts.length) {
        starts = doubled(starts)
        hashes = doubled(hashes)
      }
      starts[count] = start
      let at = start + NAME_AT
      let hash = HASH_START
      let byte = text[at]
      while (byte !== undefined && byte !== TAB && byte !== NEWLINE) {
        hash = Math.imul(hash ^ byte, HASH_FACTOR)
        byte = text[++at]
      }
      hashes[count] = hash
      // What is behind a tab is the module.
      while (byte !== undefined && byte !== NEWLINE) byte = text[++at]
      start = at + 1
    }
    this.#starts = starts.subarray(0, count)
    this.#high = new Uint32Array(count)
    this.#low = new Uint32Array(count)
    for (let line = 0; line < count; line++) {
      this.#high[line] = hex32(text, starts[line]!)
      this.#low[line] = hex32(text, starts[line]! + 8)
    }
    this.#byAddress = this.#sort()
    this.#heads = new Uint32Array(2 ** Math.ceil(Math.log2(count + 1)))
    this.#next = new Uint32Array(count)
    // The last line first: each chain is then in the order of the file.
    for (let line = count - 1; line >= 0; line--) {
      const slot = slotOf(hashes[line]!, this.#heads)
      this.#next[line] = this.#heads[slot]!
      this.#heads[slot] = line + 1
    }
  }

  /** Whether all addresses are 0. */
  get hidden(): boolean {
    return this.#high.every(each => each === 0) && this.#low.every(each => each === 0)
  }

  /** Where the lines with a name start, in the order of the file. */
  find(name: Uint8Array): number[] {
    let hash = HASH_START
    for (const byte of name) hash = Math.imul(hash ^ byte, HASH_FACTOR)
    const found: number[] = []
    const first = this.#heads[slotOf(hash, this.#heads)]!
    for (let next = first; next !== 0; next = this.#next[next - 1]!) {
      const start = this.#starts[next - 1]!
      if (this.#isName(start + NAME_AT, name)) found.push(start)
    }
    return found
  }

  #isName(at: number, name: Uint8Array): boolean {
    const text = this.#text
    for (let i = 0; i < name.length; i++) if (text[at + i] !== name[i]) return false
    const end = text[at + name.length]
    return end === undefined || end === TAB || end === NEWLINE
  }

  /**
   * Where the line starts whose address is the nearest at or before this one; of several with one address the first
   * in the file. `undefined` when there is none, or its address is 0.
   *
   * @param high upper half of the address
   * @param low lower half
   */
  at(high: number, low: number): number | undefined {
    const order = this.#byAddress
    let from = 0
    let to = order.length
    while (from < to) {
      const middle = (from + to) >>> 1
      if (this.#compare(order[middle]!, high, low) <= 0) from = middle + 1
      else to = middle
    }
    if (from === 0) return undefined
    let nearest = from - 1
    const line = order[nearest]!
    const [highest, lowest] = [this.#high[line]!, this.#low[line]!]
    if (highest === 0 && lowest === 0) return undefined
    while (nearest > 0 && this.#compare(order[nearest - 1]!, highest, lowest) === 0) nearest--
    return this.#starts[order[nearest]!]
  }

  /** The kernel's own symbols are sorted; those of modules, behind them, are not. */
  #sort(): Uint32Array {
    const order = Uint32Array.from(this.#starts.keys())
    let sorted = Math.min(1, order.length)
    while (sorted < order.length && this.#compareLines(sorted - 1, sorted) <= 0) sorted++
    if (sorted === order.length) return order
    const rest = order.slice(sorted).sort((a, b) => this.#compareLines(a, b) || a - b)
    // Merges both from the end, where the modules of most kernels are.
    let left = sorted - 1
    let right = rest.length - 1
    for (let at = order.length - 1; right >= 0; at--) {
      const isLeft = left >= 0 && this.#compareLines(left, rest[right]!) > 0
      order[at] = isLeft ? left-- : rest[right--]!
    }
    return order
  }

  #compare(line: number, high: number, low: number): number {
    return this.#high[line]! - high || this.#low[line]! - low
  }

  #compareLines(a: number, b: number): number {
    return this.#compare(a, this.#high[b]!, this.#low[b]!)
  }
}

function doubled(array: Uint32Array): Uint32Array<ArrayBuffer> {
  const greater = new Uint32Array(2 * array.length)
  greater.set(array)
  return greater
}

function slotOf(hash: number, heads: Uint32Array): number {
  return (hash ^ (hash >>> 16)) & (heads.length - 1)
}

/** Eight hexadecimal digits, in lower case as the kernel prints them. */
function hex32(text: Uint8Array, at: number): number {
  let value = 0
  for (let i = at; i < at + 8; i++) {
    const digit = text[i]!
    value = (value << 4) | (digit <= 0x39 ? digit - 0x30 : digit - 0x57)
  }
  return value >>> 0
}
