/**
 * The lines of `/proc/kallsyms` by name. Pure.
 *
 * Some hundred thousand names are read byte by byte once; nothing is allocated for a line.
 *
 * @module
 */

import { endsName, lineStarts, NAME_AT, startOfLine } from './symbol-lines.ts'

/** Of FNV-1a, which spreads names well enough. */
const HASH_START = 0x811c9dc5
const HASH_FACTOR = 0x01000193

/** A hash table of the names. */
export class NameIndex {
  readonly #text: Uint8Array
  /** Where each line starts; lines are numbered from 0. */
  readonly #starts: Uint32Array
  /** By hash: the number of the first line, plus 1. */
  readonly #heads: Uint32Array
  /** By line: the number of the next one with the same hash, plus 1. */
  readonly #next: Uint32Array

  /** @param text in the format of `/proc/kallsyms` */
  constructor(text: Uint8Array) {
    const starts = lineStarts(text, 0, text.length)
    const count = starts.length
    const heads = new Uint32Array(2 ** Math.ceil(Math.log2(count + 1)))
    const next = new Uint32Array(count)
    // The last line first: each chain is then in the order of the file.
    for (let line = count - 1; line >= 0; line--) {
      let hash = HASH_START
      for (let at = starts[line]! + NAME_AT; !endsName(text, at); at++) hash = hashed(hash, text[at]!)
      const slot = slotOf(hash, heads)
      next[line] = heads[slot]!
      heads[slot] = line + 1
    }
    this.#text = text
    this.#starts = starts
    this.#heads = heads
    this.#next = next
  }

  /** Where the lines with a name start, in the order of the file. */
  find(name: Uint8Array): number[] {
    let hash = HASH_START
    for (const byte of name) hash = hashed(hash, byte)
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
    return endsName(text, at + name.length)
  }
}

/** What {@link NameIndex.find} finds, without an index: through all of the text. */
export function searchName(text: Buffer, name: Uint8Array): number[] {
  const found: number[] = []
  for (let at = text.indexOf(name); at !== -1; at = text.indexOf(name, at + 1)) {
    const start = at - NAME_AT
    if (start >= 0 && startOfLine(text, at) === start && endsName(text, at + name.length)) found.push(start)
  }
  return found
}

function hashed(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, HASH_FACTOR)
}

function slotOf(hash: number, heads: Uint32Array): number {
  return (hash ^ (hash >>> 16)) & (heads.length - 1)
}
