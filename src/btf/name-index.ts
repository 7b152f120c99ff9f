/**
 * Types by name, for a BTF that is asked often: a hash table in typed arrays. For the kernel's 130,000 types it takes
 * some milliseconds and 1.5 MB, a tenth of what a `Map` of strings would.
 *
 * The hash is that of the name without flavour, so that one bucket holds all flavours of a name.
 *
 * @module
 */

const UNDERSCORE = 0x5f
/** `___` */
const SEPARATOR = 3
/** Names count up to here: more would let a hostile file have long overlapping strings hashed again and again. */
const MAX_HASHED = 512

/** Where the bytes of a name are. */
export interface NamePlace {
  bytes: Uint8Array
  offset: number
}

/** Finds types by name. Types are numbered from 0. */
export class NameIndex {
  /** By hash: first type of the bucket, or -1. */
  readonly #heads: Int32Array
  /** By type: next type of its bucket, or -1. */
  readonly #next: Int32Array

  /**
   * @param count number of types
   * @param place where the name of a type begins; `undefined` when it has none
   */
  constructor(count: number, place: (type: number) => NamePlace | undefined) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(count, 16)))
    this.#heads = new Int32Array(size).fill(-1)
    this.#next = new Int32Array(count)
    // From the last to the first, so that buckets are in ascending order.
    for (let type = count - 1; type >= 0; type--) {
      const name = place(type)
      if (name === undefined) continue
      const bucket = essentialHash(name.bytes, name.offset) & (size - 1)
      this.#next[type] = this.#heads[bucket]!
      this.#heads[bucket] = type
    }
  }

  /** Types whose name, or name without flavour, may be this one, in ascending order; the caller compares. */
  *candidates(name: string): Generator<number> {
    const bytes = encoder.encode(`${name}\0`)
    // A name with a flavour is in the bucket of the name without; flavours of it are in its own.
    const buckets = new Set(
      [essentialHash(bytes, 0), plainHash(bytes)].map(hash => hash & (this.#heads.length - 1)),
    )
    for (const bucket of buckets) {
      for (let type = this.#heads[bucket]!; type !== -1; type = this.#next[type]!) yield type
    }
  }
}

const encoder = new TextEncoder()

function step(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193)
}

function spread(hash: number): number {
  return hash ^ (hash >>> 15)
}

/** Hash of a NUL-terminated name up to its last `___` between other characters. */
function essentialHash(bytes: Uint8Array, offset: number): number {
  const end = Math.min(offset + MAX_HASHED, bytes.length)
  let hash = 0x811c9dc5
  let before = hash
  let essential: number | undefined
  let run = 0
  let at = offset
  for (; at < end; at++) {
    const byte = bytes[at]!
    if (byte === 0) break
    if (byte === UNDERSCORE) {
      if (run === 0) before = hash
      run++
    } else {
      if (run === SEPARATOR && at - run > offset) essential = before
      run = 0
    }
    hash = step(hash, byte)
  }
  return spread(essential === undefined || at === end ? hash : essential)
}

/** Hash of a NUL-terminated name, flavour included. */
function plainHash(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < MAX_HASHED && bytes[at] !== 0 && at < bytes.length; at++)
    hash = step(hash, bytes[at]!)
  return spread(hash)
}
