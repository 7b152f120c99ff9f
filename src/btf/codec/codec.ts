/**
 * Codecs of BTF types. A codec is made once per type; no BTF is looked at when it reads or writes.
 *
 * | type | value |
 * |---|---|
 * | integer, bitfield up to 32 bits | `number` |
 * | integer or bitfield of more bits, pointer | `bigint` |
 * | `bool` | `boolean` |
 * | `char[N]` | `string`: UTF-8 up to the first NUL |
 * | `unsigned char[N]` (`__u8[N]`) | `Uint8Array`, a copy |
 * | other arrays | `Array`, nested for each dimension |
 * | enum | `string`, the name; the `number` (`bigint` for 64 bits) when it has none |
 * | struct | plain object; members of anonymous structs and unions are members of their parent |
 * | union | plain object with every member, all read from the same bytes |
 * | `float`, `double` | `number`; other sizes a `Uint8Array` |
 * | flexible array at the end | what the record has behind its fixed part; empty when its length is not known |
 *
 * Writing follows C's initializers: members that are not given are zero, as is padding. Of a union one member is
 * given, or several that agree. Unknown names are refused. For a `bigint` a safe integer may be given.
 *
 * @module
 */

import { readText } from '../../base/char-array.ts'
import { type AlignedCodec, shown } from '../../base/codec.ts'
import { array, bytes, copyBytes, cString, f32, f64, u64 } from '../../base/codecs.ts'
import type { ObjectFileError } from '../../base/errors.ts'
import type { Btf } from '../btf.ts'
import type { BtfEnum, BtfMember, BtfStruct, BtfTypeOf } from '../types.ts'
import { aggregate, type Field, type FlexibleField, fieldsOf, type Group, type Part } from './aggregate.ts'
import { bitfield } from './bitfield.ts'
import { booleanBits, type EnumNames, enumeration, enumNames, integer, wholeInteger } from './scalars.ts'
import type { BtfInputValue, BtfValue, ValueCodec } from './value.ts'

/** Limits of `btfCodec`, for BTF that is not trusted. */
export interface BtfCodecOptions {
  /**
   * Greatest number of values (members and elements; text and bytes count once) that one value may consist of.
   * Default: 1,048,576.
   */
  maxValues?: number
}

/** Codec of a BTF type. */
export interface BtfCodec extends AlignedCodec<BtfValue, BtfInputValue> {
  /** Number of values that one value consists of, itself included; text and bytes count once. */
  readonly values: number
}

/** How deep structs and arrays may be nested in each other; the kernel's verifier accepts fewer. */
const MAX_NESTING = 32
/** Greatest size of a type: that of the greatest map value. */
const MAX_SIZE = 2 ** 31 - 1
const DEFAULT_MAX_VALUES = 1 << 20

/**
 * Makes the codec of a BTF type. Pure; values are in host byte order whatever that of the BTF.
 *
 * @param btf where the type is
 * @param typeId any type with a size; a `var` stands for its type, a `datasec` for a struct of its variables
 * @throws ObjectFileError when no type has the id, it has no size, or what it says of itself is impossible: it
 *   contains itself, members lie outside, two have one name; or when it exceeds a limit
 */
export function btfCodec(btf: Btf, typeId: number, options: BtfCodecOptions = {}): BtfCodec {
  return new CodecBuilder(btf, options.maxValues ?? DEFAULT_MAX_VALUES).build(typeId)
}

/** A codec and how many values one of its values consists of. */
interface Built {
  codec: ValueCodec
  values: number
  /** How deep structs and arrays are nested in it; 0 for a scalar. */
  levels: number
}

/** What the members of an aggregate add up to. */
interface Sum {
  values: number
  levels: number
}

class CodecBuilder {
  readonly #btf: Btf
  readonly #maxValues: number
  /** Types that are done: a type that is used twice is built once. */
  readonly #done = new Map<number, Built>()
  /** Members looked at so far; bounds the work of hoisting. */
  #members = 0
  /** Enums by id, with `number`s and with `bigint`s. */
  readonly #enums = new Map<number, EnumNames>()
  readonly #wideEnums = new Map<number, EnumNames>()
  /** The type that is being looked at, for errors. */
  #id = 0

  constructor(btf: Btf, maxValues: number) {
    this.#btf = btf
    this.#maxValues = maxValues
  }

  build(typeId: number): BtfCodec {
    const { codec, values } = this.#build(typeId, 0, true)
    return { ...codec, values }
  }

  #impossible(reason: string): ObjectFileError {
    return this.#btf.error(`Cannot make a codec: ${reason}`, this.#id)
  }

  #checkUnique(names: readonly string[], where: string): void {
    const name = duplicate(names)
    if (name !== undefined) throw this.#impossible(`BTF ${where} has two members ${shown(name)}`)
  }

  #noInteger(size: number): never {
    throw this.#impossible(`BTF integer has ${size} bytes`)
  }

  #enumNames(id: number, type: BtfEnum, wide: boolean): EnumNames {
    const tables = wide ? this.#wideEnums : this.#enums
    const known = tables.get(id) ?? enumNames(type, wide)
    tables.set(id, known)
    return known
  }

  #build(typeId: number, depth: number, outermost = false): Built {
    if (depth > MAX_NESTING) throw this.#impossible(`BTF type ${typeId} nests deeper than ${MAX_NESTING}`)
    const id = this.#btf.resolve(typeId)
    const done = this.#done.get(id)
    if (done !== undefined) return done
    const outer = this.#id
    this.#id = id
    const built = this.#make(id, depth, outermost)
    this.#id = outer
    // A member that was built before is not looked into again, so its own depth counts.
    if (built.levels > MAX_NESTING)
      throw this.#impossible(`BTF type ${typeId} nests deeper than ${MAX_NESTING}`)
    if (built.values > this.#maxValues) {
      throw this.#impossible(`BTF type ${id} consists of more than ${this.#maxValues} values`)
    }
    if (built.codec.size > MAX_SIZE) throw this.#impossible(`BTF type ${id} has more than ${MAX_SIZE} bytes`)
    if (!outermost) this.#done.set(id, built)
    return built
  }

  #make(id: number, depth: number, outermost: boolean): Built {
    const type = this.#btf.type(id)
    switch (type.kind) {
      case 'int':
        return one(integer(type) ?? this.#noInteger(type.size))
      case 'ptr':
        return one(u64)
      case 'enum':
      case 'enum64':
        return one(
          enumeration(
            this.#enumNames(id, type, type.size > 4),
            wholeInteger(type.size, type.signed) ?? this.#noInteger(type.size),
          ),
        )
      case 'float':
        return one(type.size === 4 ? f32 : type.size === 8 ? f64 : bytes(type.size))
      case 'array':
        return this.#array(type, depth)
      case 'struct':
      case 'union':
        return this.#aggregate(type, depth, outermost)
      case 'datasec':
        return this.#section(type, depth)
      case 'var':
        return this.#build(type.type, depth + 1, outermost)
      default:
        throw this.#impossible(
          `BTF type ${id} (${type.kind}${type.name === '' ? '' : ` ${type.name}`}) has no values`,
        )
    }
  }

  #array({ type: elementId, count }: BtfTypeOf<'array'>, depth: number): Built {
    const text = this.#textual(elementId)
    if (text !== undefined) return one(text === 'char' ? cString(count) : bytes(count))
    const { codec, values, levels } = this.#build(elementId, depth + 1)
    return { codec: array(codec, count), values: 1 + values * count, levels: levels + 1 }
  }

  /** Whether arrays of a type are text or bytes. C's `char` is known by its name: compilers call it signed. */
  #textual(elementId: number): 'char' | 'byte' | undefined {
    const element = this.#btf.resolved(elementId)
    if (element.kind !== 'int' || element.size !== 1 || element.bits !== 8) return undefined
    if (element.encoding === 'char' || element.name === 'char') return 'char'
    return element.encoding === 'unsigned' ? 'byte' : undefined
  }

  #aggregate(type: BtfStruct, depth: number, outermost: boolean): Built {
    const sum: Sum = { values: 1, levels: 0 }
    const flexible = outermost && type.kind === 'struct' ? this.#flexible(type, depth) : undefined
    const members = flexible === undefined ? type.members : type.members.slice(0, -1)
    const group = this.#group({ ...type, members }, 0, type.size * 8, depth, sum)
    const fields = fieldsOf(group)
    const names = fields.map(({ name }) => name)
    if (flexible !== undefined) names.push(flexible.name)
    this.#checkUnique(names, describe(type))
    return {
      codec: aggregate({ size: type.size, align: alignment(fields, type.size), group, flexible }),
      values: sum.values,
      levels: sum.levels + 1,
    }
  }

  #group(type: BtfStruct, bitBase: number, bitEnd: number, depth: number, sum: Sum): Group {
    if (depth > MAX_NESTING) throw this.#impossible(`BTF ${describe(type)} nests deeper than ${MAX_NESTING}`)
    const parts: Part[] = []
    for (const member of type.members) {
      if (++this.#members > this.#maxValues) {
        throw this.#impossible(`BTF ${describe(type)} consists of more than ${this.#maxValues} values`)
      }
      const bitOffset = bitBase + member.bitOffset
      if (member.name !== '') {
        const { codec, values, levels, offset, bits } = this.#member(type, member, bitOffset, depth)
        if (bitOffset + bits > bitEnd) {
          throw this.#impossible(`Member ${shown(member.name)} of BTF ${describe(type)} lies outside of it`)
        }
        sum.values += values
        sum.levels = Math.max(sum.levels, levels)
        parts.push({ name: propertyKey(member.name), offset, codec })
        continue
      }
      const inner = this.#btf.resolved(member.type)
      // Anything else without a name is padding.
      if (inner.kind !== 'struct' && inner.kind !== 'union') continue
      const innerEnd = bitOffset + inner.size * 8
      if (innerEnd > bitEnd)
        throw this.#impossible(`Anonymous member of BTF ${describe(type)} lies outside of it`)
      parts.push(this.#group(inner, bitOffset, innerEnd, depth + 1, sum))
    }
    return { union: type.kind === 'union', parts }
  }

  /** Codec of a named member, relative to `offset`. */
  #member(
    parent: BtfStruct,
    member: BtfMember,
    bitOffset: number,
    depth: number,
  ): Built & { offset: number; bits: number } {
    const type = this.#btf.resolved(member.type)
    // Old compilers describe a bitfield by an integer type of few bits, new ones in the member.
    const narrow = member.bitSize === 0 && type.kind === 'int' && type.bits < type.size * 8
    if (member.bitSize === 0 && !narrow) {
      if (bitOffset % 8 !== 0) {
        throw this.#impossible(
          `Member ${shown(member.name)} of BTF ${describe(parent)} is not at a whole byte`,
        )
      }
      const built = this.#build(member.type, depth + 1)
      return { ...built, offset: bitOffset / 8, bits: built.codec.size * 8 }
    }
    if (type.kind !== 'int' && type.kind !== 'enum' && type.kind !== 'enum64') {
      throw this.#impossible(
        `Bitfield ${shown(member.name)} of BTF ${describe(parent)} has a type of kind ${type.kind}`,
      )
    }
    const bits = type.kind === 'int' && narrow ? type.bits : member.bitSize
    if (bits === 0 || bits > 128) {
      throw this.#impossible(`Bitfield ${shown(member.name)} of BTF ${describe(parent)} has ${bits} bits`)
    }
    const start = bitOffset + (type.kind === 'int' ? type.bitOffset : 0)
    const signed = type.kind === 'int' ? type.encoding === 'signed' : type.signed
    const field = bitfield({ bitOffset: start % 8, bits, signed })
    const codec =
      type.kind !== 'int'
        ? enumeration(this.#enumNames(this.#btf.resolve(member.type), type, bits > 32), field)
        : type.encoding === 'bool'
          ? booleanBits(field)
          : field
    return { ...one(codec), offset: Math.floor(start / 8), bits: start - bitOffset + bits }
  }

  #section(section: BtfTypeOf<'datasec'>, depth: number): Built {
    const parts: Field[] = []
    let size = section.size
    const sum: Sum = { values: 1, levels: 0 }
    for (const { type: id, offset } of section.variables) {
      const variable = this.#btf.type(id)
      // A section of externs lists functions too, which have no value.
      if (variable.kind !== 'var' || variable.name === '') continue
      const built = this.#build(variable.type, depth + 1)
      parts.push({ name: propertyKey(variable.name), offset, codec: built.codec })
      size = Math.max(size, offset + built.codec.size)
      sum.values += built.values
      sum.levels = Math.max(sum.levels, built.levels)
    }
    this.#checkUnique(
      parts.map(({ name }) => name),
      `section ${section.name}`,
    )
    return {
      codec: aggregate({ size, align: alignment(parts, size), group: { union: false, parts } }),
      values: sum.values,
      levels: sum.levels + 1,
    }
  }

  /** The last member of a struct, if it is an array without a length. */
  #flexible(struct: BtfStruct, depth: number): FlexibleField | undefined {
    const last = struct.members.at(-1)
    if (last === undefined || last.name === '' || last.name === '__proto__') return undefined
    if (last.bitOffset % 8 !== 0 || last.bitOffset > struct.size * 8) return undefined
    const type = this.#btf.resolved(last.type)
    if (type.kind !== 'array' || type.count !== 0) return undefined
    const field = { name: propertyKey(last.name), offset: last.bitOffset / 8 }
    const text = this.#textual(type.type)
    if (text !== undefined) return { ...field, decode: text === 'char' ? readText : copyBytes }
    const { codec } = this.#build(type.type, depth + 1)
    return {
      ...field,
      decode(view, offset, length) {
        const values: BtfValue[] = []
        if (codec.size === 0) return values
        for (let at = 0; at + codec.size <= length; at += codec.size)
          values.push(codec.decode(view, offset + at))
        return values
      },
    }
  }
}

function one(codec: ValueCodec): Built {
  return { codec, values: 1, levels: 0 }
}

/**
 * A name as the string object that V8 keeps for properties of that name. One that was made from bytes is another, for
 * which V8 would have to look that one up whenever a member is read or written.
 */
function propertyKey(name: string): string {
  return Object.keys({ [name]: undefined })[0]!
}

function describe({ kind, name }: BtfStruct): string {
  return name === '' ? `anonymous ${kind}` : `${kind} ${name}`
}

/** A name that stands twice among others. */
function duplicate(names: readonly string[]): string | undefined {
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) return name
    seen.add(name)
  }
  return undefined
}

/** BTF does not say how types are aligned: the greatest of the members, unless one of them shows that it is packed. */
function alignment(fields: readonly Field[], size: number): number {
  const greatest = fields.reduce((align, { codec }) => Math.max(align, codec.align), 1)
  const packed = size % greatest !== 0 || fields.some(({ codec, offset }) => offset % codec.align !== 0)
  return packed ? 1 : greatest
}
