/**
 * The ids by which types refer to each other.
 *
 * @module
 */

import type { BtfType } from './types.ts'

/** Ids of the types that a type refers to, in the order of the format. */
export function referencesOf(type: BtfType): number[] {
  switch (type.kind) {
    case 'ptr':
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'typedef':
    case 'type_tag':
    case 'func':
    case 'var':
    case 'decl_tag':
      return [type.type]
    case 'array':
      return [type.type, type.indexType]
    case 'struct':
    case 'union':
      return type.members.map(member => member.type)
    case 'func_proto':
      return [type.type, ...type.params.map(param => param.type)]
    case 'datasec':
      return type.variables.map(variable => variable.type)
    default:
      return []
  }
}

/** The same type with other ids. */
export function withReferences(type: BtfType, idOf: (id: number) => number): BtfType {
  const renumber = <T extends { readonly type: number }>(each: T): T => ({ ...each, type: idOf(each.type) })
  switch (type.kind) {
    case 'ptr':
    case 'const':
    case 'volatile':
    case 'restrict':
    case 'typedef':
    case 'type_tag':
    case 'func':
    case 'var':
    case 'decl_tag':
      return renumber(type)
    case 'array':
      return { ...type, type: idOf(type.type), indexType: idOf(type.indexType) }
    case 'struct':
    case 'union':
      return { ...type, members: type.members.map(renumber) }
    case 'func_proto':
      return { ...type, type: idOf(type.type), params: type.params.map(renumber) }
    case 'datasec':
      return { ...type, variables: type.variables.map(renumber) }
    default:
      return type
  }
}
