/**
 * Building BTF: types to bytes, of either byte order, alone or on top of a base.
 *
 * Source: Documentation/bpf/btf.rst; kernel/bpf/btf.c for what the kernel accepts.
 *
 * @module
 */

import { type ByteOrder, hostByteOrder } from '../base/bytes.ts'
import type { Btf } from './btf.ts'
import {
  BTF_HEADER_SIZE,
  BTF_LAYOUT_HEADER_SIZE,
  BTF_LAYOUT_SIZE,
  BTF_MAGIC,
  BTF_VERSION,
  btfKindNumbers,
  intEncodings,
  linkages,
  MAX_VLEN,
} from './format.ts'
import { withReferences } from './references.ts'
import type { BtfMember, BtfType, KnownBtfKind } from './types.ts'

/** Where a bitfield's width begins in a member's offset word, when the struct has `kind_flag`. */
const BITFIELD_SHIFT = 24

/** How to begin. */
export interface BtfBuilderOptions {
  /** Makes split BTF: ids and string offsets continue those of the base. */
  base?: Btf
}

/**
 * Collects types and strings, then writes them.
 *
 * @example
 * const builder = new BtfBuilder()
 * const int = builder.add({ kind: 'int', name: 'int', size: 4, encoding: 'signed', bitOffset: 0, bits: 32 })
 * builder.add({ kind: 'typedef', name: 'pid_t', type: int })
 * const btf = Btf.parse(builder.build())
 */
export class BtfBuilder {
  /** From `#firstId`; `undefined` for those that `#origin` has and that were not replaced. */
  readonly #types: (BtfType | undefined)[] = []
  #origin: Btf | undefined
  #keepsLayout = true
  readonly #base: Btf | undefined
  readonly #firstId: number
  readonly #stringBase: number
  readonly #offsets = new Map<string, number>()
  readonly #strings: Uint8Array[] = []
  #stringsLength = 0
  /** Strings that are not in `#offsets` yet, which a look-up may never need. */
  #unread: Uint8Array | undefined

  constructor(options: BtfBuilderOptions = {}) {
    this.#base = options.base
    this.#firstId = options.base?.typeCount ?? 1
    this.#stringBase = options.base?.stringsEnd ?? 0
    if (this.#stringBase === 0) this.addString('')
    else this.#offsets.set('', 0)
  }

  /**
   * Begins with the types and strings of a BTF, under the ids and offsets that they have there. Types that are not
   * replaced are written as they were.
   */
  static from(btf: Btf): BtfBuilder {
    const builder = new BtfBuilder(btf.base === undefined ? {} : { base: btf.base })
    const strings = btf.ownStrings
    builder.#origin = btf
    for (let id = btf.firstId; id < btf.typeCount; id++) builder.#types.push(undefined)
    builder.#strings.splice(0, 1, strings)
    builder.#stringsLength = strings.length
    builder.#unread = strings
    return builder
  }

  /**
   * Adds all types of another BTF, behind those that are there.
   *
   * @param btf without a base, or with the one that this has
   * @returns the id that a type of `btf` has here
   * @throws TypeError when its base is another
   * @throws ObjectFileError when it has a type of an unknown kind, which cannot refer to new ids
   */
  append(btf: Btf): (id: number) => number {
    if (btf.base !== this.#base) throw new TypeError('Cannot append BTF: it continues another base')
    const shift = this.typeCount - btf.firstId
    const idOf = (id: number): number => (id < btf.firstId ? id : id + shift)
    btf.forEachId(id => {
      const type = btf.type(id)
      if (type.kind === 'unknown')
        throw btf.error(`Cannot renumber BTF type ${id}: its kind ${type.number} is not known`, id)
      this.add(withReferences(type, idOf))
    })
    return idOf
  }

  /** Number of types so far, `void` and those of the base included: the id that the next type gets. */
  get typeCount(): number {
    return this.#firstId + this.#types.length
  }

  /** Adds a type and returns its id. It may refer to types that are added later. */
  add(type: BtfType): number {
    checkWritable(type, 'add')
    return this.#firstId + this.#types.push(type) - 1
  }

  /**
   * Puts another type in the place of one that was added.
   *
   * @throws RangeError when none of its own types has this id
   */
  replace(id: number, type: BtfType): void {
    checkWritable(type, 'replace')
    this.#check(id)
    this.#types[id - this.#firstId] = type
  }

  /**
   * A type as it was added.
   *
   * @throws RangeError when none of its own types has this id
   */
  type(id: number): BtfType {
    this.#check(id)
    return this.#types[id - this.#firstId] ?? this.#origin!.type(id)
  }

  #check(id: number): void {
    if (!(Number.isInteger(id) && id >= this.#firstId && id < this.typeCount)) {
      throw new RangeError(`BTF type id ${id} is outside of ${this.#firstId} to ${this.typeCount - 1}`)
    }
  }

  /** Adds a string, once, and returns its offset in the string section. */
  addString(text: string): number {
    const known = this.stringOffset(text)
    if (known !== undefined) return known
    if (text.includes('\0'))
      throw new RangeError(`Cannot add ${JSON.stringify(text)} to BTF: it contains a NUL`)
    const offset = this.#stringBase + this.#stringsLength
    const bytes = encoder.encode(`${text}\0`)
    this.#strings.push(bytes)
    this.#stringsLength += bytes.length
    this.#offsets.set(text, offset)
    return offset
  }

  /** Offset of a string that types use or `addString` added; `undefined` for any other. */
  stringOffset(text: string): number | undefined {
    const unread = this.#unread
    this.#unread = undefined
    // Each ends with NUL, also the last one.
    for (let at = 0; unread !== undefined && at < unread.length; at = unread.indexOf(0, at) + 1) {
      const offset = this.#stringBase + at
      const known = this.#origin!.string(offset)
      if (!this.#offsets.has(known)) this.#offsets.set(known, offset)
    }
    return this.#offsets.get(text)
  }

  /**
   * Writes raw BTF, as a `.BTF` section holds it and `BPF_BTF_LOAD` takes it.
   *
   * @throws RangeError when something does not fit the format, naming the type
   */
  build(byteOrder: ByteOrder = hostByteOrder): Uint8Array<ArrayBuffer> {
    const words: number[] = []
    let copied = 0
    /** What is not replaced is as it was. */
    const copyUpTo = (index: number): void => {
      if (copied === index) return
      const origin = this.#origin!.encoded(this.#firstId + copied, this.#firstId + index)
      for (const word of origin) words.push(word)
    }
    this.#types.forEach((type, index) => {
      if (type === undefined) return
      copyUpTo(index)
      this.#encode(type, this.#firstId + index, words)
      copied = index + 1
    })
    copyUpTo(this.#types.length)
    const typesLength = words.length * 4
    const layout = this.#layoutIn(byteOrder)
    const headerSize = layout.length === 0 ? BTF_HEADER_SIZE : BTF_LAYOUT_HEADER_SIZE
    const stringsAt = typesLength + layout.length
    const bytes = new Uint8Array(headerSize + stringsAt + this.#stringsLength)
    const view = new DataView(bytes.buffer)
    const little = byteOrder === 'little'
    view.setUint16(0, BTF_MAGIC, little)
    view.setUint8(2, BTF_VERSION)
    const header = [headerSize, 0, typesLength, stringsAt, this.#stringsLength]
    if (layout.length > 0) header.push(typesLength, layout.length)
    header.forEach((word, index) => {
      view.setUint32(4 + index * 4, word, little)
    })
    new Uint32Array(bytes.buffer, headerSize, words.length).set(words)
    if (byteOrder !== hostByteOrder) Buffer.from(bytes.buffer, headerSize, typesLength).swap32()
    bytes.set(layout, headerSize + typesLength)
    let at = headerSize + stringsAt
    for (const text of this.#strings) {
      bytes.set(text, at)
      at += text.length
    }
    return bytes
  }

  /** The layout section of what it began with; empty without one, or when it was dropped. */
  #layoutIn(byteOrder: ByteOrder): Uint8Array {
    const layout = this.#keepsLayout ? this.#origin?.layout : undefined
    if (layout === undefined) return new Uint8Array(0)
    const bytes = layout.slice()
    // Two bytes, and a number of 16 bits.
    if (byteOrder !== this.#origin!.byteOrder) {
      for (let at = 0; at < bytes.length; at += BTF_LAYOUT_SIZE)
        bytes.subarray(at + 2, at + BTF_LAYOUT_SIZE).reverse()
    }
    return bytes
  }

  /**
   * Leaves out the layout section of what it began with: kernels before 7.1 refuse it. Types must all be of known kinds.
   *
   * @internal
   */
  dropLayout(): void {
    this.#keepsLayout = false
  }

  #encode(type: BtfType, id: number, words: number[]): void {
    try {
      this.#encodeType(type, words)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      throw new RangeError(`Cannot encode BTF type ${id} (${type.kind} ${type.name}): ${error.message}`, {
        cause: error,
      })
    }
  }

  #encodeType(type: BtfType, words: number[]): void {
    const head = (sizeOrType: number, vlen = 0, flag = false): void => {
      if (vlen > MAX_VLEN) throw new RangeError(`${vlen} members are more than ${MAX_VLEN}`)
      const kind = btfKindNumbers[type.kind as KnownBtfKind]
      const info = ((flag ? 1 << 31 : 0) | (kind << 24) | vlen) >>> 0
      words.push(this.addString(type.name), info, word(sizeOrType))
    }
    switch (type.kind) {
      case 'void':
      case 'unknown':
        return
      case 'int':
        head(type.size)
        words.push(
          (intEncodings[type.encoding] << 24) | (field(type.bitOffset, 8) << 16) | field(type.bits, 8),
        )
        return
      case 'ptr':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'typedef':
        head(type.type)
        return
      case 'type_tag':
        head(type.type, 0, type.attribute)
        return
      case 'array':
        head(0)
        words.push(word(type.type), word(type.indexType), word(type.count))
        return
      case 'struct':
      case 'union': {
        const bitfields = type.members.some(each => each.bitSize > 0)
        head(type.size, type.members.length, bitfields)
        for (const member of type.members) {
          words.push(this.addString(member.name), word(member.type), memberOffset(member, bitfields))
        }
        return
      }
      case 'enum':
        head(type.size, type.values.length, type.signed)
        for (const { name, value } of type.values) {
          words.push(this.addString(name), Number(BigInt.asUintN(32, enumerator(value, 32n))))
        }
        return
      case 'enum64':
        head(type.size, type.values.length, type.signed)
        for (const { name, value } of type.values) {
          const wide = BigInt.asUintN(64, enumerator(value, 64n))
          words.push(this.addString(name), Number(wide & 0xffff_ffffn), Number(wide >> 32n))
        }
        return
      case 'fwd':
        head(0, 0, type.of === 'union')
        return
      case 'func':
        head(type.type, linkages.indexOf(type.linkage))
        return
      case 'func_proto':
        head(type.type, type.params.length)
        for (const param of type.params) words.push(this.addString(param.name), word(param.type))
        return
      case 'var':
        head(type.type)
        words.push(linkages.indexOf(type.linkage))
        return
      case 'datasec':
        head(type.size, type.variables.length)
        for (const each of type.variables) words.push(word(each.type), word(each.offset), word(each.size))
        return
      case 'float':
        head(type.size)
        return
      case 'decl_tag':
        head(type.type, 0, type.attribute)
        words.push(type.component < 0 ? word(type.component + 2 ** 32) : field(type.component, 31))
        return
    }
  }
}

const encoder = new TextEncoder()

function checkWritable({ kind }: BtfType, action: string): void {
  if (kind === 'void') throw new TypeError(`Cannot ${action} a BTF type: void has id 0`)
  if (kind === 'unknown') throw new TypeError(`Cannot ${action} a BTF type of an unknown kind`)
}

function word(value: number): number {
  return field(value, 32)
}

function field(value: number, bits: number): number {
  if (!(Number.isInteger(value) && value >= 0 && value < 2 ** bits)) {
    throw new RangeError(`${value} is not ${bits === 8 ? 'an' : 'a'} ${bits}-bit number`)
  }
  return value
}

/** Either sign is taken, since an enum of a kernel without signed enums has negative values too. */
function enumerator(value: number | bigint, bits: bigint): bigint {
  const whole = BigInt(value)
  if (whole < -(1n << (bits - 1n)) || whole >= 1n << bits) {
    throw new RangeError(`${value} is not a ${bits}-bit number`)
  }
  return whole
}

function memberOffset({ name, bitOffset, bitSize }: BtfMember, bitfields: boolean): number {
  if (!bitfields) return word(bitOffset)
  if (bitOffset >= 1 << BITFIELD_SHIFT) {
    throw new RangeError(`member ${name} at bit ${bitOffset} is too far away for a struct with bitfields`)
  }
  return ((field(bitSize, 8) << BITFIELD_SHIFT) | word(bitOffset)) >>> 0
}
