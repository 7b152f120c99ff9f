/**
 * Codecs of structs, unions and data sections: a flat list of fields to read, a tree of parts to write.
 *
 * @module
 */

import { type AlignedCodec, inMember, shown } from '../../base/codec.ts'
import { membersReader, type ReadMembers } from '../../base/members.ts'
import type { BtfInputValue, BtfStructInput, BtfStructValue, BtfValue, ValueCodec } from './value.ts'

/** A member with a name, wherever in anonymous structs it was declared. */
export interface Field {
  name: string
  /** Bytes from the start of the outermost struct. */
  offset: number
  codec: ValueCodec
}

/** What an aggregate consists of: its named members, and anonymous structs and unions. */
export type Part = Field | Group

/** An aggregate's parts; an anonymous one is a part itself. */
export interface Group {
  union: boolean
  parts: Part[]
}

/** A flexible array member: reads what follows the fixed part of a record. */
export interface FlexibleField {
  name: string
  offset: number
  /** @param length bytes from the start of the array to the end of the record */
  decode(view: DataView, offset: number, length: number): BtfValue
}

/** A struct, union or data section of `size` bytes. */
export interface AggregateLayout {
  size: number
  align: number
  group: Group
  /** Last member, if it is a flexible array and the aggregate is not inside of another. */
  flexible?: FlexibleField | undefined
}

/** All named members of a part in the order of their declaration. */
export function fieldsOf(part: Part): Field[] {
  return 'parts' in part ? part.parts.flatMap(fieldsOf) : [part]
}

/** Makes the codec. Names must be unique within the group. */
export function aggregate(layout: AggregateLayout): AlignedCodec<BtfStructValue, BtfStructInput> {
  const { size, align, group, flexible } = layout
  const fields = fieldsOf(group)
  const names = new Set(fields.map(({ name }) => name))
  if (flexible !== undefined) names.add(flexible.name)
  const decodeFields = fieldDecoder(fields)
  return {
    size,
    align,
    decode:
      flexible === undefined
        ? decodeFields
        : (view, offset, length = flexible.offset) => {
            const value = decodeFields(view, offset)
            // Without a length even padding behind the fixed part is not taken for elements.
            const rest = Math.max(0, length - flexible.offset)
            value[flexible.name] = flexible.decode(view, offset + flexible.offset, rest)
            return value
          },
    encode(value, view, offset) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw new TypeError(`${shown(value)} is not an object`)
      }
      for (const name of Object.keys(value)) {
        if (!names.has(name)) throw inMember(name, new TypeError('no such member'))
      }
      if (flexible !== undefined && has(value, flexible.name) && !isEmpty(value[flexible.name])) {
        throw inMember(
          flexible.name,
          new RangeError('a flexible array must be empty, since the size is fixed'),
        )
      }
      for (let i = 0; i < size; i++) view.setUint8(offset + i, 0)
      encodeGroup(group, value, view, offset, size)
    },
  }
}

function fieldDecoder(fields: readonly Field[]): ReadMembers<BtfValue> {
  return fields.some(({ name }) => name === '__proto__') ? defining(fields) : membersReader(fields)
}

/** For a type with a member called `__proto__`: assigning to it would set the prototype. */
function defining(fields: readonly Field[]): ReadMembers<BtfValue> {
  return (view, offset) =>
    Object.fromEntries(fields.map(({ name, codec, offset: at }) => [name, codec.decode(view, offset + at)]))
}

/** Own properties only: a member may be called `constructor`. */
function has(value: BtfStructInput, name: string): boolean {
  return Object.hasOwn(value, name) && value[name] !== undefined
}

function isGiven(part: Part, value: BtfStructInput): boolean {
  return 'parts' in part ? part.parts.some(each => isGiven(each, value)) : has(value, part.name)
}

function isEmpty(value: BtfInputValue | undefined): boolean {
  return (
    value === undefined ||
    value === '' ||
    ((Array.isArray(value) || value instanceof Uint8Array) && value.length === 0)
  )
}

function encodePart(part: Part, value: BtfStructInput, view: DataView, offset: number, size: number): void {
  if ('parts' in part) {
    encodeGroup(part, value, view, offset, size)
    return
  }
  try {
    part.codec.encode(value[part.name]!, view, offset + part.offset)
  } catch (error) {
    throw inMember(part.name, error)
  }
}

/** Members that are not given are zero, as in an initializer of C. */
function encodeGroup(
  group: Group,
  value: BtfStructInput,
  view: DataView,
  offset: number,
  size: number,
): void {
  const given = group.parts.filter(part => isGiven(part, value))
  if (group.union && given.length > 1) encodeUnion(given, value, view, offset, size)
  else for (const part of given) encodePart(part, value, view, offset, size)
}

/** Unions in unions multiply the trials: a bound for types that are not trusted. */
const MAX_TRIALS = 1 << 18
/** Trials of the outermost union that is being written, and how many unions are. Encoding is never interrupted. */
let trials = 0
let unions = 0

/**
 * Several members of a union are given, as in a value that was decoded: what is written must read as all of them were
 * given. Each may leave bits open, as text does behind its NUL and a struct between its members, so each is tried, and
 * in the end all of them together.
 */
function encodeUnion(
  given: readonly Part[],
  value: BtfStructInput,
  view: DataView,
  offset: number,
  size: number,
): void {
  if (unions++ === 0) trials = 0
  try {
    const alone = given.map(part => written(part, value, size))
    for (const trial of [...alone, merged(alone, size)]) {
      if (given.every((part, i) => alone[i] === trial || agrees(part, value, trial, size))) {
        for (let i = 0; i < size; i++)
          view.setUint8(offset + i, view.getUint8(offset + i) | trial.getUint8(i))
        return
      }
    }
  } finally {
    unions--
  }
  const names = given.flatMap(fieldsOf).map(({ name }) => name)
  throw new TypeError(`union members ${names.join(', ')} contradict each other; give only one of them`)
}

/** Memory with every bit that is set in one of several. */
function merged(memories: readonly DataView[], size: number): DataView {
  const view = new DataView(new ArrayBuffer(size))
  for (const memory of memories) {
    for (let i = 0; i < size; i++) view.setUint8(i, view.getUint8(i) | memory.getUint8(i))
  }
  return view
}

/**
 * Memory in which nothing but this part is written.
 *
 * @throws RangeError when a value took too many of them
 */
function written(part: Part, value: BtfStructInput, size: number): DataView {
  if (++trials > MAX_TRIALS) {
    throw new RangeError('too many unions are in each other; give only one member of each')
  }
  const view = new DataView(new ArrayBuffer(size))
  encodePart(part, value, view, 0, size)
  return view
}

/** Whether a part, read from `trial`, is what `value` says; compared as bytes, in which equal values are equal. */
function agrees(part: Part, value: BtfStructInput, trial: DataView, size: number): boolean {
  const found = fieldDecoder(fieldsOf(part))(trial, 0)
  const entries = Object.entries(found).map(
    ([name, read]) => [name, has(value, name) ? value[name]! : read] as const,
  )
  const expected = written(part, Object.fromEntries(entries), size)
  const actual = written(part, found, size)
  for (let i = 0; i < size; i++) if (expected.getUint8(i) !== actual.getUint8(i)) return false
  return true
}
