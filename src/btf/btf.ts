/**
 * BTF, the type information of BPF objects and of the kernel. Parsing only indexes: types are decoded when
 * they are asked for, so that the kernel's 130,000 types cost one pass over typed arrays.
 *
 * Source: Documentation/bpf/btf.rst, include/uapi/linux/btf.h; where the kernel's verifier and libbpf
 * disagree with the text, the code of kernel/bpf/btf.c.
 *
 * @module
 */

import { type ByteOrder, ByteReader, hostByteOrder } from '../base/bytes.ts'
import { ObjectFileError, type ObjectFileLocation } from '../base/errors.ts'
import { decodeType } from './decode.ts'
import { BTF_HEADER_SIZE, BTF_MAGIC, BTF_VERSION, KIND_MASK, MAX_VLEN } from './format.ts'
import { knownSizes, type Layout, layoutSection, type TypeSizes, unknownKind, withLayout } from './layout.ts'
import { StringSection } from './string-section.ts'
import { type StringsFrom, TypeNames } from './type-names.ts'
import { type BtfKind, type BtfType, type BtfTypeOf, btfKinds } from './types.ts'

/** Longest chain of modifiers, typedefs and arrays that is followed; as long a one is a loop (libbpf's limit). */
export const MAX_RESOLVE_DEPTH = 32

/** Bytes of a name when no option says otherwise. */
const MAX_NAME_LENGTH = 1024

/** Members, values or parameters from which on a type is large. */
const LARGE = 64
/** So many types that are not large are kept too: relocations are about the same few. */
const KEPT = 256

/** What `Btf.parse` takes besides the bytes. */
export interface BtfParseOptions {
  /** For split BTF: the BTF whose types and strings it continues (a module's base is the kernel's). */
  base?: Btf
  /** Name for error messages. */
  file?: string
  /** Section name for error messages; `.BTF` by default. */
  section?: string
  /** How many times the bytes of the strings may be used by long ones that share them. Default: 8. */
  maxOverlap?: number
  /** Bytes of the name of a type, member or enumerator; the kernel takes 511. Default: 1,024. */
  maxNameLength?: number
}

/** Parsed BTF. Immutable. */
export class Btf {
  /** The BTF that this one continues, if it is split. */
  readonly base: Btf | undefined
  /** Byte order it was written in. */
  readonly byteOrder: ByteOrder
  /** Id of the first type of its own: 1, or the number of types of the base. */
  readonly firstId: number
  /** Number of types, `void` and those of the base included; ids are below it. */
  readonly typeCount: number
  /** Name for error messages. */
  readonly file: string | undefined
  readonly #bytes: Uint8Array
  readonly #where: ObjectFileLocation
  /** The type section as words in host byte order: every field of BTF types is a 32-bit word. */
  readonly #words: Uint32Array
  /** Index of each type's first word, for types of its own. */
  readonly #starts: Uint32Array
  readonly #strings: StringSection
  readonly #options: BtfParseOptions
  readonly #maxNameLength: number
  /** Offset of the first string of its own: 0, or where the strings of the base end. */
  readonly #stringBase: number
  readonly #typeSectionOffset: number
  readonly #layout: Layout | undefined
  readonly #sizes: TypeSizes
  readonly #names: TypeNames
  readonly #decoded = new Map<number, BtfType>()

  /**
   * Parses raw BTF, as in a `.BTF` section or in `/sys/kernel/btf/vmlinux`, of either byte order.
   *
   * @throws ObjectFileError when the bytes are not BTF, are truncated, or contain an unknown kind whose size no layout
   *   section gives
   */
  static parse(bytes: Uint8Array, options: BtfParseOptions = {}): Btf {
    return new Btf(bytes, options)
  }

  /** Parses bytes that stand for these: with the same base, limits, and name in errors. */
  reparse(bytes: Uint8Array): Btf {
    return new Btf(bytes, this.#options)
  }

  /**
   * The same BTF with other words in some types of its own, which stay as long as they are: without an encoder.
   *
   * @param changes by id: the words of the type from one of them on
   *
   * @internal
   */
  withWords(changes: ReadonlyMap<number, { readonly at: number; readonly words: readonly number[] }>): Btf {
    // Not slice(), which does not copy a Buffer.
    const bytes = new Uint8Array(this.#bytes)
    const view = new DataView(bytes.buffer)
    for (const [id, { at, words }] of changes) {
      let offset = this.#typeSectionOffset + 4 * (this.#starts[id - this.firstId]! + at)
      for (const word of words) {
        view.setUint32(offset, word, this.byteOrder === 'little')
        offset += 4
      }
    }
    return this.reparse(bytes)
  }

  private constructor(bytes: Uint8Array, options: BtfParseOptions) {
    this.#options = options
    const where: ObjectFileLocation = { section: options.section ?? '.BTF' }
    if (options.file !== undefined) where.file = options.file
    this.#where = where
    this.#bytes = bytes
    this.file = options.file
    this.#maxNameLength = options.maxNameLength ?? MAX_NAME_LENGTH
    this.base = options.base
    let header = new ByteReader(bytes, 'little', where)
    header.need(0, BTF_HEADER_SIZE, 'BTF header')
    if (header.u16(0) !== BTF_MAGIC) header = new ByteReader(bytes, 'big', where)
    if (header.u16(0) !== BTF_MAGIC) throw header.error('Not BTF: wrong magic')
    if (header.u8(2) !== BTF_VERSION) throw header.error(`Unknown BTF version ${header.u8(2)}`, 2)
    this.byteOrder = header.byteOrder

    const headerLength = header.u32(4)
    if (headerLength < BTF_HEADER_SIZE)
      throw header.error(`BTF header of ${headerLength} bytes is too short`, 4)
    const typesAt = headerLength + header.u32(8)
    const typesLength = header.u32(12)
    const stringsAt = headerLength + header.u32(16)
    const stringsLength = header.u32(20)
    if (typesLength % 4 !== 0 || typesAt % 4 !== 0) throw header.error('BTF type section is not aligned', 8)
    this.#typeSectionOffset = typesAt
    this.#words = toWords(header.slice(typesAt, typesLength, 'BTF type section'), this.byteOrder)
    const strings = header.slice(stringsAt, stringsLength, 'BTF string section')
    this.#strings = new StringSection(strings, { ...where, offset: stringsAt }, options)
    if (stringsLength > 0 ? strings[stringsLength - 1] !== 0 : this.base === undefined) {
      throw header.error('BTF string section does not end with NUL', stringsAt)
    }
    if (this.base === undefined && strings[0] !== 0) {
      throw header.error('BTF string section does not start with the empty string', stringsAt)
    }

    this.#layout = layoutSection(header, headerLength)
    const base = options.base === undefined ? knownSizes : options.base.#sizes
    this.#sizes = this.#layout === undefined ? base : withLayout(base, this.#layout.kinds)
    this.#stringBase = this.base?.stringsEnd ?? 0
    this.firstId = this.base === undefined ? 1 : this.base.typeCount
    const { starts, names } = this.#index()
    this.#starts = starts
    this.typeCount = this.firstId + starts.length
    this.#names = new TypeNames(names, this.#stringsWithBases())
  }

  /** The string sections from this one down to the last base. */
  #stringsWithBases(): StringsFrom[] {
    const own = { bytes: this.#strings.bytes, start: this.#stringBase }
    return this.base === undefined ? [own] : [own, ...this.base.#stringsWithBases()]
  }

  /**
   * Where each type begins, and the offset of its name. The kernel's types are all walked over before V8 has optimised
   * the loop, so it is as short as can be, and looks for what was wrong when it is done.
   */
  #index(): { starts: Uint32Array; names: Uint32Array } {
    const { buffer, byteOffset, length } = this.#words
    // Signed: V8 makes an object of a larger number.
    const words = new Int32Array(buffer, byteOffset, length)
    const sizes = this.#sizes
    // As many as there can be. Pages that nothing is written to take no memory.
    const starts = new Uint32Array(Math.floor(length / 3))
    const names = new Uint32Array(starts.length)
    const end = length - 2
    let count = 0
    let at = 0
    while (at < end) {
      const info = words[at + 1]!
      const size = sizes[info >>> 24]!
      starts[count] = at
      names[count++] = words[at]!
      if (size === 0) break
      at += (size >> 8) + (size & 0xff) * (info & MAX_VLEN)
    }
    if (at !== length) throw this.#notIndexed(count === 0 ? 0 : starts[count - 1]!, count, at)
    return { starts: starts.subarray(0, count), names: names.subarray(0, count) }
  }

  /** Why walking over the types did not end with the section: after `count` types, the last of them at a word. */
  #notIndexed(last: number, count: number, end: number): ObjectFileError {
    const isUnknown = count > 0 && end === last
    if (!isUnknown) return this.#errorAt(end < this.#words.length ? end : last, 'Truncated BTF type')
    const kind = (this.#words[last + 1]! >>> 24) & KIND_MASK
    const why = unknownKind(kind, this.#layout !== undefined)
    return this.#errorAt(last, `Unknown BTF kind ${kind} of type ${this.firstId + count - 1}: ${why}`)
  }

  /** An error about a type, with the file, the section, and the offset of the type in it. */
  error(reason: string, id: number): ObjectFileError {
    const [owner, word] = id === 0 || !this.has(id) ? [this, 0] : this.#locate(id)
    return owner.#errorAt(word, reason)
  }

  #errorAt(word: number, reason: string): ObjectFileError {
    return new ObjectFileError(reason, { ...this.#where, offset: this.#typeSectionOffset + word * 4 })
  }

  /** Finds the BTF, this one or a base, that holds a type, and the type's first word. */
  #locate(id: number): [owner: Btf, word: number] {
    let owner: Btf = this
    while (id < owner.firstId && owner.base !== undefined) owner = owner.base
    const word = owner.#starts[id - owner.firstId]
    if (word === undefined) {
      throw this.#errorAt(0, `BTF type id ${id} is outside of 1 to ${this.typeCount - 1}`)
    }
    return [owner, word]
  }

  /** Offset after the last string, the strings of the base included: where split BTF on top of this one begins. */
  get stringsEnd(): number {
    return this.#stringBase + this.#strings.bytes.length
  }

  /** The bytes it was parsed from, header included; a copy when they are in shared memory. */
  get bytes(): Uint8Array {
    return withoutSharing(this.#bytes)
  }

  /** The bytes of the strings that are not in a base, as `bytes`; they end with NUL, or are empty. */
  get ownStrings(): Uint8Array {
    return withoutSharing(this.#strings.bytes)
  }

  /**
   * The bytes of the layout section, in the byte order of the BTF; `undefined` when it has none.
   *
   * @internal
   */
  get layout(): Uint8Array | undefined {
    return this.#layout === undefined ? undefined : withoutSharing(this.#layout.bytes)
  }

  /**
   * The words of types as they are in the bytes, but in the byte order of this machine: headers and what follows each.
   *
   * @param end id of the type behind the last one; all are of this BTF or all of the same base
   */
  encoded(id: number, end: number = id + 1): Uint32Array {
    const [owner, word] = this.#locate(id)
    return owner.#words.slice(word, owner.#starts[end - owner.firstId])
  }

  /** Whether `id` is `void` or a type of this BTF or its bases. */
  has(id: number): boolean {
    return Number.isInteger(id) && id >= 0 && id < this.typeCount
  }

  /** Kind of a type; cheaper than decoding it. */
  kind(id: number): BtfKind {
    if (id === 0) return 'void'
    const [owner, word] = this.#locate(id)
    return btfKinds[(owner.#words[word + 1]! >>> 24) & KIND_MASK] ?? 'unknown'
  }

  /** Name of a type, `''` when it has none; cheaper than decoding it. */
  name(id: number): string {
    if (id === 0) return ''
    const [owner, word] = this.#locate(id)
    return this.#name(owner.#words[word]!)
  }

  /**
   * The string at an offset of the string section, the strings of the base coming first.
   *
   * @throws ObjectFileError when it has none
   */
  string(offset: number): string {
    return this.#string(offset, Number.POSITIVE_INFINITY)
  }

  /** As `string`; throws when it is longer than a name may be. */
  #name(offset: number): string {
    return this.#string(offset, this.#maxNameLength)
  }

  #string(offset: number, maxLength: number): string {
    if (offset === 0) return ''
    let owner: Btf = this
    while (offset < owner.#stringBase && owner.base !== undefined) owner = owner.base
    if (offset - owner.#stringBase >= owner.#strings.bytes.length) {
      throw this.#strings.error(`BTF string offset ${offset} is out of range`, offset - this.#stringBase)
    }
    return owner.#strings.at(offset - owner.#stringBase, maxLength)
  }

  /**
   * Decodes a type. Large ones are decoded once: hostile types may refer to them from thousands of places. Who wants to
   * change what it gets must copy it.
   *
   * @throws ObjectFileError when no type has this id
   */
  type(id: number): BtfType {
    if (id === 0) return { kind: 'void', name: '' }
    const [owner, word] = this.#locate(id)
    if (owner !== this) return owner.type(id)
    const known = this.#decoded.get(id)
    if (known !== undefined) return known
    const type = decodeType(
      this.#words,
      word,
      offset => this.#name(offset),
      (reason, at) => this.#errorAt(at, reason),
    )
    const isLarge = (this.#words[word + 1]! & MAX_VLEN) >= LARGE
    if (isLarge || this.#decoded.size < KEPT) this.#decoded.set(id, type)
    return type
  }

  /**
   * Ids of all types with a name, in ascending order; types of the base come first.
   */
  findAll(name: string, ...kinds: BtfKind[]): number[] {
    const inBase = this.base === undefined ? [] : this.base.findAll(name, ...kinds)
    const own = this.#names.named(name).map(index => this.firstId + index)
    const wanted = kinds.length === 0 ? own : own.filter(id => kinds.includes(this.kind(id)))
    return inBase.length === 0 ? wanted : [...inBase, ...wanted]
  }

  /** Id of the first type with a name, and with one of `kinds` if any are given. */
  find(name: string, ...kinds: BtfKind[]): number | undefined {
    return this.findAll(name, ...kinds)[0]
  }

  /** Decodes the first type with this kind and name; `undefined` without a match. */
  findType<K extends BtfKind>(kind: K, name: string): BtfTypeOf<K> | undefined {
    const id = this.find(name, kind)
    return id === undefined ? undefined : (this.type(id) as BtfTypeOf<K>)
  }

  /**
   * Ids of the types of this BTF, not of its base, with a name or one of its flavours: `name`, `name___v2`.
   */
  findFlavors(name: string): number[] {
    return this.#names.flavors(name).map(index => this.firstId + index)
  }

  /** Calls `visit` with the id of each type of this BTF that is not in a base, in ascending order. */
  forEachId(visit: (id: number) => void): void {
    for (let id = this.firstId; id < this.typeCount; id++) visit(id)
  }

  /**
   * Follows typedefs, `const`, `volatile`, `restrict` and type tags to what lies below.
   *
   * @returns the id of the first type that is of another kind
   * @throws ObjectFileError when 32 of them follow each other, which means a loop
   */
  resolve(id: number): number {
    for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
      switch (this.kind(id)) {
        case 'typedef':
        case 'const':
        case 'volatile':
        case 'restrict':
        case 'type_tag':
          id = this.#target(id)
          break
        default:
          return id
      }
    }
    throw this.error(`BTF type ${id} refers to itself`, id)
  }

  /** The type that a typedef or modifier is about. */
  #target(id: number): number {
    const [owner, word] = this.#locate(id)
    return owner.#words[word + 2]!
  }

  /** Decodes the type below typedefs, modifiers and type tags. */
  resolved(id: number): BtfType {
    return this.type(this.resolve(id))
  }

  /**
   * Size of a type in bytes.
   *
   * @throws ObjectFileError for a type without a size (`void`, `func`, `func_proto`, `fwd`), for loops, and for sizes
   *   that do not fit 32 bits
   */
  sizeOf(id: number): number {
    const whole = id
    let count = 1
    for (let depth = 0; depth < MAX_RESOLVE_DEPTH; depth++) {
      const type = this.resolved(id)
      switch (type.kind) {
        case 'int':
        case 'struct':
        case 'union':
        case 'enum':
        case 'enum64':
        case 'datasec':
        case 'float':
          return this.#checkedSize(whole, count * type.size)
        case 'ptr':
          return this.#checkedSize(whole, count * this.pointerSize)
        case 'array':
          count *= type.count
          id = type.type
          break
        case 'var':
          id = type.type
          break
        default:
          throw this.error(`BTF type ${id} (${type.kind} ${type.name}) has no size`, id)
      }
    }
    throw this.error(`BTF type ${id} refers to itself`, id)
  }

  #checkedSize(id: number, size: number): number {
    if (size <= MAX_SIZE) return size
    throw this.error(`BTF type ${id} is too large`, id)
  }

  /** Bytes of a pointer: 8, since only 64-bit targets are handled. */
  get pointerSize(): number {
    return 8
  }
}

/** Sizes have 32 bits, also those of arrays of arrays. */
const MAX_SIZE = 0xffff_ffff

/** Shared memory belongs to the kernel: writing to its types would end the process. */
function withoutSharing(bytes: Uint8Array): Uint8Array {
  return bytes.buffer instanceof SharedArrayBuffer ? new Uint8Array(bytes) : bytes
}

/** Views or copies bytes as 32-bit words in host byte order. */
function toWords(bytes: Uint8Array, byteOrder: ByteOrder): Uint32Array {
  const foreign = byteOrder !== hostByteOrder
  if (!foreign && bytes.byteOffset % 4 === 0) {
    return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  }
  // Not slice(), which does not copy a Buffer.
  const copy = new Uint8Array(bytes)
  if (foreign) Buffer.from(copy.buffer).swap32()
  return new Uint32Array(copy.buffer)
}
