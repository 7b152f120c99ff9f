/**
 * What types are apart from what they refer to, as numbers: types of one shape differ at most in their references.
 *
 * Source: libbpf btf.c `btf_equal_int_tag`, `btf_shallow_equal_struct`, `btf_compat_array`, `btf_compat_fnproto`.
 *
 * @module
 */

import type { BtfType } from '../types.ts'

/** Numbers for shapes. */
export class Shapes {
  readonly #numbers = new Map<string, number>()

  /** Number of a type's shape, from 1. */
  of(type: BtfType): number {
    return this.#number(shape(type))
  }

  /** Number of a shape together with the ids that its type refers to. */
  withIds(shapeNumber: number, ids: readonly number[]): number {
    return this.#number(`${shapeNumber} ${ids.join(' ')}`)
  }

  #number(text: string): number {
    const known = this.#numbers.get(text)
    if (known !== undefined) return known
    const number = this.#numbers.size + 1
    this.#numbers.set(text, number)
    return number
  }
}

/** The names of parameters are no part of it: they do not make another type. */
function shape(type: BtfType): string {
  const { kind, name } = type
  switch (kind) {
    case 'int':
      return text(kind, name, type.size, type.encoding, type.bitOffset, type.bits)
    case 'array':
      return text(kind, type.count)
    case 'struct':
    case 'union':
      return text(
        kind,
        name,
        type.size,
        type.members.map(each => text(each.name, each.bitOffset, each.bitSize)).join('\0'),
      )
    case 'enum':
    case 'enum64':
      return text(
        kind,
        name,
        type.size,
        type.signed,
        type.values.map(each => text(each.name, String(each.value))).join('\0'),
      )
    case 'fwd':
      return text(kind, name, type.of)
    case 'type_tag':
      return text(kind, name, type.attribute)
    case 'func':
    case 'var':
      return text(kind, name, type.linkage)
    case 'func_proto':
      return text(kind, type.params.length)
    case 'datasec':
      return text(kind, name, type.size, type.variables.map(each => text(each.offset, each.size)).join('\0'))
    case 'float':
      return text(kind, name, type.size)
    case 'decl_tag':
      return text(kind, name, type.component, type.attribute)
    default:
      return text(kind, name)
  }
}

/** Names have no NUL, so that parts cannot run into each other. */
function text(...parts: readonly (string | number | boolean)[]): string {
  return parts.join('\0')
}
