/**
 * Looking up types by name. The first few look-ups search the string sections, which costs a few milliseconds on kernel
 * BTF and no memory; whoever keeps asking gets an index.
 *
 * @module
 */

import { isFlavorSuffix } from './flavor.ts'
import { NameIndex, type NameLookup, type NamePlace } from './name-index.ts'

/** A string section, and the offset with which its strings begin. */
export interface StringsFrom {
  readonly bytes: Buffer
  readonly start: number
}

/** Searching costs about a tenth of making the index. */
const SEARCHES_BEFORE_INDEX = 8
/** So many names are remembered with what was found: every program of an object asks for the same few. */
const REMEMBERED = 64
/** A name of more types than this is not remembered: only hostile files have such. */
const FEW = 256
/** Up to so many offsets of a name are looked for one after the other, which is the engine's own loop. */
const FEW_OFFSETS = 32
/** Size of the filter of a search for more, a power of two. */
const FILTER = 1024

/** Whether what follows a name in a string section, from `end`, makes it the name that is looked for. */
type AcceptRest = (bytes: Uint8Array, end: number) => boolean

/** The names of the types of one BTF; types are numbered from 0. */
export class TypeNames {
  /** By type; 0 when it has no name. */
  readonly #offsets: Uint32Array
  readonly #strings: readonly StringsFrom[]
  readonly #indexes: Partial<Record<NameLookup, NameIndex>> = {}
  readonly #found: Readonly<Record<NameLookup, Map<string, number[]>>> = {
    whole: new Map(),
    flavors: new Map(),
  }
  #searches = 0

  /**
   * @param offsets offset of the name of each type; 0 when it has none
   * @param strings the sections that these offsets count through, in descending order
   */
  constructor(offsets: Uint32Array, strings: readonly StringsFrom[]) {
    this.#offsets = offsets
    this.#strings = strings
  }

  /** Types with a name, in ascending order. */
  named(name: string): number[] {
    return this.#find('whole', name, (bytes, end) => bytes[end] === 0)
  }

  /** Types with a name or one of its flavours, in ascending order. */
  flavors(name: string): number[] {
    return this.#find('flavors', name, (bytes, end) => bytes[end] === 0 || isFlavorSuffix(bytes, end))
  }

  #find(lookup: NameLookup, name: string, accept: AcceptRest): number[] {
    const memory = this.#found[lookup]
    let found = memory.get(name)
    if (found === undefined) {
      found = this.#lookUp(lookup, name, accept)
      if (memory.size === REMEMBERED) memory.clear()
      if (found.length <= FEW) memory.set(name, found)
    }
    // A copy: the caller may change it.
    return found.slice()
  }

  #lookUp(lookup: NameLookup, name: string, accept: AcceptRest): number[] {
    const needle = Buffer.from(name)
    if (needle.length === 0 || needle.includes(0)) return []
    if (this.#indexes[lookup] === undefined && ++this.#searches <= SEARCHES_BEFORE_INDEX)
      return this.#search(needle, accept)
    this.#indexes[lookup] ??= new NameIndex(this.#offsets.length, type => this.#place(type), lookup)
    const found: number[] = []
    for (const type of this.#indexes[lookup].candidates(name)) {
      const place = this.#place(type)
      if (place === undefined) continue
      const { bytes, offset } = place
      const end = offset + needle.length
      if (needle.equals(bytes.subarray(offset, end)) && accept(bytes, end)) found.push(type)
    }
    return found.sort((a, b) => a - b)
  }

  #place(type: number): NamePlace | undefined {
    const offset = this.#offsets[type]!
    const section = offset === 0 ? undefined : this.#strings.find(({ start }) => offset >= start)
    return section === undefined ? undefined : { bytes: section.bytes, offset: offset - section.start }
  }

  #search(needle: Buffer, accept: AcceptRest): number[] {
    // A name offset may point into the middle of a longer string, so every occurrence counts.
    const offsets = new Set<number>()
    for (const { bytes, start } of this.#strings) {
      for (let at = bytes.indexOf(needle); at !== -1; at = bytes.indexOf(needle, at + 1)) {
        if (accept(bytes, at + needle.length)) offsets.add(start + at)
      }
    }
    return offsets.size <= FEW_OFFSETS ? this.#withFew(offsets) : this.#withMany(offsets)
  }

  #withFew(offsets: ReadonlySet<number>): number[] {
    const found: number[] = []
    for (const offset of offsets) {
      let type = this.#offsets.indexOf(offset)
      for (; type !== -1; type = this.#offsets.indexOf(offset, type + 1)) found.push(type)
    }
    return found.sort((a, b) => a - b)
  }

  #withMany(offsets: ReadonlySet<number>): number[] {
    const found: number[] = []
    // Nearly all types have another name: a look at one byte rules them out, ten times faster than the set does.
    const filter = new Uint8Array(FILTER)
    for (const offset of offsets) filter[offset & (FILTER - 1)] = 1
    this.#offsets.forEach((offset, type) => {
      if (filter[offset & (FILTER - 1)] === 1 && offsets.has(offset)) found.push(type)
    })
    return found
  }
}
