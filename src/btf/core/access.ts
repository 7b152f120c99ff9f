/**
 * What a CO-RE relocation is about: the access string, read against the types that it was compiled with.
 *
 * Source: libbpf relo_core.c `bpf_core_parse_spec`, `is_flex_arr`.
 *
 * @module
 */

import { type CoreRelocationKind, coreRelocationKinds } from '../../abi/generated/enums.ts'
import { enumName } from '../../abi/names.ts'
import type { CoreRelocation } from '../../asm/instruction.ts'
import { BpfError } from '../../base/errors.ts'
import type { Btf } from '../btf.ts'
import type { BtfMember, BtfStruct, BtfType } from '../types.ts'

/** Longest access string: `BPF_CORE_SPEC_MAX_LEN`. */
export const MAX_ACCESS_LENGTH = 64

/** One step of an access: a named member (or enumerator), or an element of an array. */
export interface AccessStep {
  /** Struct or union of the member, enum of the enumerator, or type of the element. */
  typeId: number
  /** Index of the member, enumerator or element. */
  index: number
  /** Name of the member or enumerator; `undefined` for an element. */
  name: string | undefined
}

/** An access, in the types of one BTF. Anonymous structs and unions on the way are left out. */
export interface CoreAccess {
  readonly btf: Btf
  readonly kind: CoreRelocationKind
  /** Type that the access begins with. */
  readonly rootId: number
  /** Steps; the first says which element of an array of the root type, nearly always 0. Empty for type relocations. */
  readonly steps: AccessStep[]
  /** Distance from the start of the root type. */
  bitOffset: number
}

/** Whether a relocation is about a field, a type or an enumerator. */
export function subjectOf(kind: CoreRelocationKind): 'field' | 'type' | 'enumerator' {
  if (kind.startsWith('field_')) return 'field'
  return kind.startsWith('type_') ? 'type' : 'enumerator'
}

/** A relocation cannot be applied: the record is malformed, or its target is ambiguous. */
export function coreError(reason: string): BpfError {
  return new BpfError(`Cannot apply a CO-RE relocation: ${reason}`, { code: 'ERR_CORE' })
}

/**
 * Reads a relocation against the BTF of its object.
 *
 * @throws BpfError `ERR_CORE` when it does not fit the types
 */
export function parseAccess(btf: Btf, relocation: CoreRelocation): CoreAccess {
  const { typeId: rootId, access: text } = relocation
  const kind = enumName(coreRelocationKinds, relocation.kind)
  if (typeof kind === 'number') throw coreError(`its kind ${kind} is not known`)
  const access: CoreAccess = { btf, kind, rootId, steps: [], bitOffset: 0 }
  const subject = subjectOf(kind)
  const indexes = parseIndexes(text)
  if (subject === 'type') {
    if (text !== '0') throw coreError(`the access string of a type is ${JSON.stringify(text)}, not "0"`)
    return access
  }
  const [first] = indexes
  const id = btf.resolve(rootId)
  if (subject === 'enumerator') {
    const type = btf.type(id)
    const enumerator = type.kind === 'enum' || type.kind === 'enum64' ? type.values[first] : undefined
    if (indexes.length !== 1 || enumerator === undefined) {
      throw coreError(`${describeType(btf, rootId)} has no enumerator ${text}`)
    }
    access.steps.push({ typeId: id, index: first, name: enumerator.name })
    return access
  }
  access.steps.push({ typeId: id, index: first, name: undefined })
  access.bitOffset = first * btf.sizeOf(id) * 8
  walkFields(access, id, indexes)
  return access
}

/** `'0:1:2'` to numbers. */
function parseIndexes(text: string): [number, ...number[]] {
  const indexes = text.split(':').map(each => (/^\d{1,10}$/.test(each) ? Number(each) : Number.NaN))
  const [first, ...rest] = indexes
  if (first === undefined || indexes.some(Number.isNaN) || indexes.length > MAX_ACCESS_LENGTH) {
    throw coreError(`${JSON.stringify(text)} is not an access string`)
  }
  return [first, ...rest]
}

function walkFields(access: CoreAccess, rootId: number, indexes: readonly number[]): void {
  const { btf, steps } = access
  let id = rootId
  for (const index of indexes.slice(1)) {
    id = btf.resolve(id)
    const type = btf.type(id)
    if (isComposite(type)) {
      const member = type.members[index]
      if (member === undefined) throw coreError(`${describeType(btf, id)} has no member ${index}`)
      access.bitOffset += member.bitOffset
      if (member.name !== '') steps.push({ typeId: id, index, name: member.name })
      id = member.type
    } else if (type.kind === 'array') {
      id = btf.resolve(type.type)
      if (index >= type.count && !isFlexible(btf, steps.at(-1), type.count)) {
        throw coreError(`an array of ${type.count} has no element ${index}`)
      }
      steps.push({ typeId: id, index, name: undefined })
      access.bitOffset += index * btf.sizeOf(id) * 8
    } else {
      throw coreError(`its access string goes into a ${type.kind} ${type.name}`)
    }
  }
}

/** Whether an array is a flexible array member, given the step that led to it. */
export function isFlexible(btf: Btf, step: AccessStep | undefined, count: number): boolean {
  if (step?.name === undefined || count > 0) return false
  const type = btf.type(step.typeId)
  return isComposite(type) && step.index === type.members.length - 1
}

/** Whether a type is a struct or union. */
export function isComposite(type: BtfType): type is BtfStruct {
  return type.kind === 'struct' || type.kind === 'union'
}

/** The member that a step names. */
export function memberOf(btf: Btf, step: AccessStep): BtfMember {
  const type = btf.type(step.typeId)
  const member = isComposite(type) ? type.members[step.index] : undefined
  if (member === undefined) throw coreError(`${describeType(btf, step.typeId)} has no member ${step.index}`)
  return member
}

/** A type as messages name it: `struct task_struct`. */
export function describeType(btf: Btf, id: number): string {
  const kind = btf.kind(id)
  const name = btf.name(id)
  const word = kind === 'enum64' ? 'enum' : kind
  return `${word} ${name === '' ? '(anonymous)' : name}`
}

/** An access as messages name it: `struct task_struct.comm[2]`, `enum pid_type.PIDTYPE_TGID`. */
export function describeAccess({ btf, rootId, steps }: CoreAccess): string {
  const [root, ...rest] = steps
  let text = describeType(btf, rootId)
  if (root?.name !== undefined) text += `.${root.name}`
  else if (root !== undefined && root.index > 0) text += `[${root.index}]`
  for (const { name, index } of rest) text += name === undefined ? `[${index}]` : `.${name}`
  return text
}
