/**
 * Types by name, for a BTF that is asked often: a hash table in typed arrays. For the kernel's 130,000 types it takes
 * some milliseconds and 1.5 MB, a tenth of what a `Map` of strings would.
 *
 * An index for look-ups of one name hashes whole names; one for look-ups of all flavours hashes names without flavour, so
 * that one bucket holds them all.
 *
 * @module
 */

const UNDERSCORE = 0x5f
/** `___` */
const SEPARATOR = 3
/** Names count up to here: more would let a hostile file have long overlapping strings hashed again and again. */
const MAX_HASHED = 512

/**
 * Where hashes begin: without knowing it, no file can be made whose names all fall into one bucket. What is found does
 * not depend on it.
 */
const START = Math.floor(Math.random() * 2 ** 32) | 0

/** Which names an index is to find: one, or one with all flavours. */
export type NameLookup = 'whole' | 'flavors'

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
  readonly #lookup: NameLookup

  /**
   * @param count number of types
   * @param place where the name of a type begins; `undefined` when it has none
   */
  constructor(count: number, place: (type: number) => NamePlace | undefined, lookup: NameLookup) {
    this.#lookup = lookup
    const hash = lookup === 'whole' ? wholeHash : essentialHash
    const size = 2 ** Math.ceil(Math.log2(Math.max(count, 16)))
    this.#heads = new Int32Array(size).fill(-1)
    this.#next = new Int32Array(count)
    // From the last to the first, so that buckets are in ascending order.
    for (let type = count - 1; type >= 0; type--) {
      const name = place(type)
      if (name === undefined) continue
      const bucket = hash(name.bytes, name.offset) & (size - 1)
      this.#next[type] = this.#heads[bucket]!
      this.#heads[bucket] = type
    }
  }

  /** Types whose name, or name without flavour, may be this one, in ascending order; the caller compares. */
  *candidates(name: string): Generator<number> {
    const bytes = encoder.encode(`${name}\0`)
    // A name with a flavour is in the bucket of the name without; flavours of it are in its own.
    const hashes = this.#lookup === 'whole' ? [wholeHash] : [essentialHash, wholeHash]
    const buckets = new Set(hashes.map(hash => hash(bytes, 0) & (this.#heads.length - 1)))
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
  let hash = START
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
function wholeHash(bytes: Uint8Array, offset: number): number {
  const end = Math.min(offset + MAX_HASHED, bytes.length)
  let hash = START
  for (let at = offset; at < end && bytes[at] !== 0; at++) hash = step(hash, bytes[at]!)
  return spread(hash)
}
