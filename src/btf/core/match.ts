/**
 * Which types of the kernel a CO-RE relocation may mean, and whether they fit.
 *
 * Source: libbpf relo_core.c `bpf_core_spec_match`, `bpf_core_match_member`, `bpf_core_fields_are_compat`,
 * `bpf_core_types_are_compat`, `bpf_core_types_match`. Each rule is named beside the code that follows it.
 *
 * @module
 */

import type { Btf } from '../btf.ts'
import { essentialName } from '../flavor.ts'
import type { BtfEnum, BtfKind, BtfStruct, BtfType } from '../types.ts'
import {
  type CoreAccess,
  coreError,
  isComposite,
  isFlexible,
  MAX_ACCESS_LENGTH,
  memberOf,
  subjectOf,
} from './access.ts'

/** How deep the types of a signature or struct are compared. */
const MAX_DEPTH = 32

/** A type that may be meant. */
export interface Candidate {
  btf: Btf
  id: number
}

/**
 * Types of a BTF with the same name and kind, flavours aside. Those of the base are not searched.
 * libbpf: `bpf_core_add_cands`.
 */
export function candidatesIn(btf: Btf, name: string, kind: BtfKind): Candidate[] {
  return btf
    .findFlavors(essentialName(name))
    .filter(id => sameKind(btf.kind(id), kind))
    .map(id => ({ btf, id }))
}

/** libbpf: `btf_kind_core_compat`. */
function sameKind(a: BtfKind, b: BtfKind): boolean {
  return a === b || (isEnumKind(a) && isEnumKind(b))
}

function isEnumKind(kind: BtfKind): boolean {
  return kind === 'enum' || kind === 'enum64'
}

function isEnum(type: BtfType): type is BtfEnum {
  return isEnumKind(type.kind)
}

/**
 * The same access in a candidate's types; `undefined` when the candidate does not have it.
 * libbpf: `bpf_core_spec_match`.
 */
export function matchAccess(local: CoreAccess, { btf, id }: Candidate): CoreAccess | undefined {
  const target: CoreAccess = { btf, kind: local.kind, rootId: id, steps: [], bitOffset: 0 }
  switch (subjectOf(local.kind)) {
    case 'type': {
      const compare = local.kind === 'type_matches' ? typesMatch : typesAreCompatible
      return compare(local.btf, local.rootId, btf, id) ? target : undefined
    }
    case 'enumerator':
      return matchEnumerator(local, target)
    case 'field':
      return matchFields(local, target)
  }
}

function matchEnumerator(local: CoreAccess, target: CoreAccess): CoreAccess | undefined {
  const typeId = target.btf.resolve(target.rootId)
  const type = target.btf.type(typeId)
  if (!isEnum(type)) return undefined
  const wanted = essentialName(local.steps[0]!.name!)
  const index = type.values.findIndex(({ name }) => essentialName(name) === wanted)
  if (index === -1) return undefined
  target.steps.push({ typeId, index, name: type.values[index]!.name })
  return target
}

function matchFields(local: CoreAccess, target: CoreAccess): CoreAccess | undefined {
  const { btf } = target
  let id = target.rootId
  for (const [position, step] of local.steps.entries()) {
    id = btf.resolve(id)
    if (step.name !== undefined) {
      const wanted = { name: step.name, type: memberOf(local.btf, step).type }
      const next = matchMember(local.btf, wanted, target, id, new Set())
      if (next === undefined) return undefined
      id = next
      continue
    }
    // The first index counts whole objects of the root type, so no array is entered.
    if (position > 0) {
      const type = btf.type(id)
      if (type.kind !== 'array') return undefined
      if (step.index >= type.count && !isFlexible(btf, target.steps.at(-1), type.count)) return undefined
      id = btf.resolve(type.type)
    }
    target.steps.push({ typeId: id, index: step.index, name: undefined })
    target.bitOffset += step.index * btf.sizeOf(id) * 8
  }
  return target
}

/**
 * Finds a member by name, also in anonymous structs and unions, and adds it to the access.
 *
 * @param searched types that were searched in vain; without it, nesting could make the search take forever
 * @returns the member's type, or `undefined` when it is absent or its type is not compatible
 */
function matchMember(
  localBtf: Btf,
  wanted: { name: string; type: number },
  target: CoreAccess,
  structId: number,
  searched: Set<number>,
  depth = 0,
): number | undefined {
  if (depth === MAX_ACCESS_LENGTH) throw coreError('the target type is nested too deep')
  const { btf } = target
  const typeId = btf.resolve(structId)
  // What a type lacks in one place it lacks in all.
  if (searched.has(typeId)) return undefined
  searched.add(typeId)
  const type = btf.type(typeId)
  if (!isComposite(type)) return undefined
  const { members } = type
  // Not `entries()`: a task_struct has hundreds of members, and is searched for each relocation.
  for (let index = 0; index < members.length; index++) {
    const member = members[index]!
    if (member.name === '') {
      const found = matchMember(localBtf, wanted, target, member.type, searched, depth + 1)
      if (found === undefined) continue
      target.bitOffset += member.bitOffset
      return found
    }
    if (member.name !== wanted.name) continue
    if (!fieldsAreCompatible(localBtf, wanted.type, btf, member.type)) return undefined
    target.steps.push({ typeId, index, name: member.name })
    target.bitOffset += member.bitOffset
    return member.type
  }
  return undefined
}

/**
 * Whether fields can stand for each other: any two structs or unions, any two integers, any two pointers; enums of
 * one name; arrays of compatible elements. libbpf: `bpf_core_fields_are_compat`.
 */
function fieldsAreCompatible(localBtf: Btf, localId: number, targetBtf: Btf, targetId: number): boolean {
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const local = localBtf.resolved(localId)
    const target = targetBtf.resolved(targetId)
    if (isComposite(local) && isComposite(target)) return true
    if (!sameKind(local.kind, target.kind)) return false
    switch (local.kind) {
      case 'ptr':
      case 'float':
        return true
      case 'fwd':
      case 'enum':
      case 'enum64': {
        const localName = essentialName(local.name)
        const targetName = essentialName(target.name)
        return localName === '' || targetName === '' || localName === targetName
      }
      case 'int':
        return target.kind === 'int' && local.bitOffset === 0 && target.bitOffset === 0
      case 'array':
        if (target.kind !== 'array') return false
        localId = local.type
        targetId = target.type
        break
      default:
        return false
    }
  }
  throw coreError('the types of a field are nested too deep')
}

/**
 * Answers about pairs of types, by what is compared. Types that refer to each other several times would be compared
 * again and again, and twice as often with each level of nesting.
 */
class Answers {
  readonly #known = new Map<string, boolean>()

  /** The answer for a pair, which is only worked out once. */
  of(localId: number, targetId: number, work: () => boolean): boolean {
    const key = `${localId} ${targetId}`
    const known = this.#known.get(key) ?? work()
    this.#known.set(key, known)
    return known
  }
}

/** Whether types agree in kind, behind pointers and in signatures too. libbpf: `bpf_core_types_are_compat`. */
export function typesAreCompatible(
  localBtf: Btf,
  localId: number,
  targetBtf: Btf,
  targetId: number,
  level: number = MAX_DEPTH,
  answers: Answers = new Answers(),
): boolean {
  if (level < 0) throw coreError('the types are nested too deep')
  if (!sameKind(localBtf.kind(localId), targetBtf.kind(targetId))) return false
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const local = localBtf.resolved(localId)
    const target = targetBtf.resolved(targetId)
    if (!sameKind(local.kind, target.kind)) return false
    switch (local.kind) {
      case 'void':
      case 'struct':
      case 'union':
      case 'enum':
      case 'enum64':
      case 'fwd':
        return true
      case 'int':
        return target.kind === 'int' && local.bitOffset === 0 && target.bitOffset === 0
      case 'ptr':
      case 'array':
        localId = local.type
        targetId = (target as { type: number }).type
        break
      case 'func_proto': {
        if (target.kind !== 'func_proto' || local.params.length !== target.params.length) return false
        for (const [index, param] of local.params.entries()) {
          const one = localBtf.resolve(param.type)
          const other = targetBtf.resolve(target.params[index]!.type)
          const compatible = answers.of(one, other, () =>
            typesAreCompatible(localBtf, one, targetBtf, other, level - 1, answers),
          )
          if (!compatible) return false
        }
        localId = local.type
        targetId = target.type
        break
      }
      default:
        return false
    }
  }
  throw coreError('the types are nested too deep')
}

/**
 * Whether the target has everything that the local type has, with the same names, sizes and signs; it may have
 * more. Behind pointers structs are compared by name only. libbpf: `bpf_core_types_match`.
 */
function typesMatch(
  localBtf: Btf,
  localId: number,
  targetBtf: Btf,
  targetId: number,
  behindPointer = false,
  level = MAX_DEPTH,
  answers = { direct: new Answers(), behindPointer: new Answers() },
): boolean {
  if (level <= 0) throw coreError('the types are nested too deep')
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const local = localBtf.resolved(localId)
    const target = targetBtf.resolved(targetId)
    if (essentialName(local.name) !== essentialName(target.name)) return false
    switch (local.kind) {
      case 'void':
        return target.kind === 'void'
      case 'fwd':
        if (target.kind === 'fwd') return local.of === target.of
        return behindPointer && target.kind === local.of
      case 'enum':
      case 'enum64':
        return isEnum(target) && enumsMatch(local, target)
      case 'struct':
      case 'union':
        if (behindPointer)
          return target.kind === 'fwd' ? target.of === local.kind : target.kind === local.kind
        return (
          target.kind === local.kind &&
          structsMatch(local, target as BtfStruct, (one, other) =>
            answers.direct.of(one, other, () =>
              typesMatch(localBtf, one, targetBtf, other, false, level - 1, answers),
            ),
          )
        )
      case 'int':
        return (
          target.kind === 'int' &&
          local.size === target.size &&
          (local.encoding === 'signed') === (target.encoding === 'signed')
        )
      case 'ptr':
        if (target.kind !== 'ptr') return false
        behindPointer = true
        break
      case 'array':
        if (target.kind !== 'array' || local.count !== target.count) return false
        break
      case 'func_proto':
        if (target.kind !== 'func_proto' || local.params.length !== target.params.length) return false
        for (const [index, param] of local.params.entries()) {
          const other = target.params[index]!.type
          const known = behindPointer ? answers.behindPointer : answers.direct
          const matches = known.of(param.type, other, () =>
            typesMatch(localBtf, param.type, targetBtf, other, behindPointer, level - 1, answers),
          )
          if (!matches) return false
        }
        break
      default:
        return false
    }
    localId = local.type
    targetId = target.type
  }
  throw coreError('the types are nested too deep')
}

/** Every local enumerator has one of its name. libbpf: `bpf_core_enums_match`. */
function enumsMatch(local: BtfEnum, target: BtfEnum): boolean {
  if (local.size !== target.size || local.values.length > target.values.length) return false
  const names = new Set(target.values.map(({ name }) => essentialName(name)))
  return local.values.every(({ name }) => names.has(essentialName(name)))
}

/** Every local member has one of its name and a type that matches. libbpf: `bpf_core_composites_match`. */
function structsMatch(
  local: BtfStruct,
  target: BtfStruct,
  match: (localId: number, targetId: number) => boolean,
): boolean {
  if (local.members.length > target.members.length) return false
  const named = new Map<string, Set<number>>()
  for (const { name, type } of target.members) {
    const types = named.get(essentialName(name)) ?? new Set()
    named.set(essentialName(name), types.add(type))
  }
  return local.members.every(({ name, type }) =>
    [...(named.get(essentialName(name)) ?? [])].some(other => match(type, other)),
  )
}
