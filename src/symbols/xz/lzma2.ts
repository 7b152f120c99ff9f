/**
 * LZMA2, the compression in .xz files: chunks that are stored, or compressed by LZMA.
 *
 * Source: The .xz File Format 1.2.1, 5.3.1; Igor Pavlov, LZMA specification (DRAFT version); xz lzma2_decoder.c.
 *
 * @module
 */

import { ObjectFileError } from '../../base/errors.ts'

// Where each kind of probability begins. Those of lengths come twice, for matches and for repeated matches.
const STATES = 12
const POSITIONS = 16
const IS_MATCH = 0
const IS_REP = IS_MATCH + STATES * POSITIONS
const IS_REP0 = IS_REP + STATES
const IS_REP1 = IS_REP0 + STATES
const IS_REP2 = IS_REP1 + STATES
const IS_REP0_LONG = IS_REP2 + STATES
const SLOT = IS_REP0_LONG + STATES * POSITIONS
const SPECIAL = SLOT + 4 * 64
const ALIGN = SPECIAL + 128
const LENGTHS = ALIGN + 16
// Within those of lengths.
const LOW = 2
const MIDDLE = LOW + POSITIONS * 8
const HIGH = MIDDLE + POSITIONS * 8
const LENGTHS_SIZE = HIGH + 256
const LITERALS = LENGTHS + 2 * LENGTHS_SIZE
/** Probabilities of a literal in one context. */
const LITERAL_SIZE = 0x300
/** Greatest sum of the bits of position and of the byte before that choose a context. */
const MAX_LITERAL_BITS = 4

const EVEN = 1024
/** States below this one follow a literal. */
const AFTER_LITERAL = 7
const MIN_MATCH = 2

/** Decompresses blocks of LZMA2, one after the other. */
export class Lzma2Decoder {
  readonly #input: Uint8Array
  readonly #output: Uint8Array
  /** Place in the input, and where the current chunk ends. */
  #at = 0
  #end = 0
  /** Place in the output, where the dictionary begins, where the chunk ends, and the block. */
  #to = 0
  #start = 0
  #limit = 0
  #most = 0
  #range = 0
  #code = 0
  #state = 0
  #distances: [number, number, number, number] = [0, 0, 0, 0]
  #contextBits = 0
  #literalMask = 0
  #positionMask = 0
  readonly #probabilities = new Uint16Array(LITERALS + (LITERAL_SIZE << MAX_LITERAL_BITS))
  /** Whether the properties of literals and positions are known. */
  #ready = false

  constructor(input: Uint8Array, output: Uint8Array) {
    this.#input = input
    this.#output = output
  }

  /**
   * Decompresses a block to its end.
   *
   * @param at where it begins in the input
   * @param to where it goes in the output
   * @param most where its contents end in the output at most
   * @returns where it ends in the input and in the output
   * @throws ObjectFileError when it is damaged, or larger
   */
  run(at: number, to: number, most: number): { at: number; to: number } {
    this.#at = at
    this.#to = to
    this.#start = to
    this.#most = most
    // The first chunk with compressed data has properties and makes the rest of the state new.
    this.#ready = false
    let first = true
    for (;;) {
      const control = this.#byte()
      if (control === 0) return { at: this.#at, to: this.#to }
      const fresh = control === 1 || control >= 0xe0
      if (first && !fresh) throw damaged('the first chunk needs a dictionary')
      if (fresh) this.#start = this.#to
      first = false
      if (control < 0x80) this.#stored(control)
      else this.#chunk(control)
    }
  }

  #byte(): number {
    if (this.#at >= this.#input.length) throw damaged('it ends within a chunk')
    return this.#input[this.#at++]!
  }

  #size(): number {
    return this.#byte() * 256 + this.#byte() + 1
  }

  #stored(control: number): void {
    if (control > 2) throw damaged(`unknown chunk ${control}`)
    const size = this.#size()
    if (this.#at + size > this.#input.length || this.#to + size > this.#most) {
      throw damaged('a stored chunk is too long')
    }
    this.#output.set(this.#input.subarray(this.#at, this.#at + size), this.#to)
    this.#at += size
    this.#to += size
  }

  #chunk(control: number): void {
    const size = ((control & 0x1f) << 16) + this.#size()
    const compressed = this.#size()
    if (control >= 0xc0) this.#properties(this.#byte())
    if (!this.#ready) throw damaged('a chunk has no properties')
    if (control >= 0xa0) this.#reset()
    this.#limit = this.#to + size
    this.#end = this.#at + compressed
    if (this.#limit > this.#most || this.#end > this.#input.length || compressed < 5) {
      throw damaged('a chunk is too long')
    }
    if (this.#byte() !== 0) throw damaged('a chunk does not begin with 0')
    this.#range = 0xffff_ffff
    this.#code = 0
    for (let i = 0; i < 4; i++) this.#code = ((this.#code << 8) | this.#byte()) >>> 0
    while (this.#to < this.#limit) this.#symbol()
    if (this.#at !== this.#end) throw damaged('a chunk has another length')
  }

  #properties(byte: number): void {
    const literalContext = byte % 9
    const literalPosition = Math.floor(byte / 9) % 5
    const position = Math.floor(byte / 45)
    if (position > 4 || literalContext + literalPosition > MAX_LITERAL_BITS)
      throw damaged('unknown properties')
    this.#contextBits = literalContext
    this.#literalMask = (1 << literalPosition) - 1
    this.#positionMask = (1 << position) - 1
    this.#ready = true
  }

  #reset(): void {
    this.#state = 0
    this.#distances = [0, 0, 0, 0]
    this.#probabilities.fill(EVEN)
  }

  #normalize(): void {
    this.#range = (this.#range << 8) >>> 0
    if (this.#at >= this.#end) throw damaged('a chunk is cut off')
    this.#code = ((this.#code << 8) | this.#input[this.#at++]!) >>> 0
  }

  #bit(index: number): number {
    const probability = this.#probabilities[index]!
    const bound = (this.#range >>> 11) * probability
    let bit = 0
    if (this.#code < bound) {
      this.#range = bound
      this.#probabilities[index] = probability + ((2048 - probability) >> 5)
    } else {
      this.#range -= bound
      this.#code -= bound
      this.#probabilities[index] = probability - (probability >> 5)
      bit = 1
    }
    if (this.#range < 0x100_0000) this.#normalize()
    return bit
  }

  #direct(count: number): number {
    let value = 0
    for (let i = 0; i < count; i++) {
      this.#range >>>= 1
      const bit = this.#code >= this.#range ? 1 : 0
      if (bit === 1) this.#code -= this.#range
      value = value * 2 + bit
      if (this.#range < 0x100_0000) this.#normalize()
    }
    return value
  }

  #tree(base: number, bits: number): number {
    let node = 1
    for (let i = 0; i < bits; i++) node = 2 * node + this.#bit(base + node)
    return node - (1 << bits)
  }

  #reverse(base: number, bits: number): number {
    let node = 1
    let value = 0
    for (let i = 0; i < bits; i++) {
      const bit = this.#bit(base + node)
      node = 2 * node + bit
      value |= bit << i
    }
    return value
  }

  /** Decodes a literal or a match. */
  #symbol(): void {
    const position = (this.#to - this.#start) & this.#positionMask
    const state = this.#state
    if (this.#bit(IS_MATCH + state * POSITIONS + position) === 0) {
      this.#literal()
      return
    }
    let length: number
    if (this.#bit(IS_REP + state) === 0) {
      const [first, second, third] = this.#distances
      length = this.#length(LENGTHS, position)
      this.#state = state < AFTER_LITERAL ? 7 : 10
      this.#distances = [this.#distance(length), first, second, third]
    } else {
      if (this.#repeated(position)) return
      length = this.#length(LENGTHS + LENGTHS_SIZE, position)
      this.#state = state < AFTER_LITERAL ? 8 : 11
    }
    this.#copy(length)
  }

  #literal(): void {
    const output = this.#output
    const before = this.#to > this.#start ? output[this.#to - 1]! : 0
    const context =
      (((this.#to - this.#start) & this.#literalMask) << this.#contextBits) +
      (before >> (8 - this.#contextBits))
    const base = LITERALS + LITERAL_SIZE * context
    let node = 1
    if (this.#state >= AFTER_LITERAL) {
      let match = output[this.#source()]!
      while (node < 0x100) {
        const expected = (match >> 7) & 1
        match <<= 1
        const bit = this.#bit(base + ((1 + expected) << 8) + node)
        node = 2 * node + bit
        if (bit !== expected) break
      }
    }
    while (node < 0x100) node = 2 * node + this.#bit(base + node)
    output[this.#to++] = node
    this.#state = this.#state < 4 ? 0 : this.#state < 10 ? this.#state - 3 : this.#state - 6
  }

  /** Chooses one of the last distances; whether that was all, a match of one byte. */
  #repeated(position: number): boolean {
    const state = this.#state
    const [first, second, third, fourth] = this.#distances
    if (this.#bit(IS_REP0 + state) === 0) {
      if (this.#bit(IS_REP0_LONG + state * POSITIONS + position) === 1) return false
      this.#state = state < AFTER_LITERAL ? 9 : 11
      this.#output[this.#to] = this.#output[this.#source()]!
      this.#to++
      return true
    }
    if (this.#bit(IS_REP1 + state) === 0) this.#distances = [second, first, third, fourth]
    else if (this.#bit(IS_REP2 + state) === 0) this.#distances = [third, first, second, fourth]
    else this.#distances = [fourth, first, second, third]
    return false
  }

  #length(base: number, position: number): number {
    if (this.#bit(base) === 0) return MIN_MATCH + this.#tree(base + LOW + position * 8, 3)
    if (this.#bit(base + 1) === 0) return MIN_MATCH + 8 + this.#tree(base + MIDDLE + position * 8, 3)
    return MIN_MATCH + 16 + this.#tree(base + HIGH, 8)
  }

  #distance(length: number): number {
    const slot = this.#tree(SLOT + 64 * Math.min(length - MIN_MATCH, 3), 6)
    if (slot < 4) return slot
    const bits = (slot >> 1) - 1
    const high = (2 + (slot & 1)) * 2 ** bits
    if (slot < 14) return high + this.#reverse(SPECIAL + high - slot, bits)
    return high + this.#direct(bits - 4) * 16 + this.#reverse(ALIGN, 4)
  }

  /** Where the bytes of the last distance are. */
  #source(): number {
    const source = this.#to - this.#distances[0] - 1
    if (source < this.#start) throw damaged('a match begins before the data')
    return source
  }

  #copy(length: number): void {
    if (this.#to + length > this.#limit) throw damaged('a match is too long')
    const output = this.#output
    const shift = this.#to - this.#source()
    for (let i = 0; i < length; i++, this.#to++) output[this.#to] = output[this.#to - shift]!
  }
}

/** An error about compressed data. */
export function damaged(reason: string): ObjectFileError {
  return new ObjectFileError(`Damaged .xz data: ${reason}`)
}
