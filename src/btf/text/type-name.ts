/**
 * Types as messages name them, nearly as C does.
 *
 * @module
 */

import type { Btf } from '../btf.ts'

/** As deep as types of a person's code are; what is deeper is a loop, or meant to be one. */
const MAX_DEPTH = 16

/**
 * Writes a type: `const struct task_struct *`, `char[16]`; of a signature also its parameters,
 * `int (struct sock *, u32)`, but not the signatures within. Tags are left out.
 */
export function typeName(btf: Btf, id: number): string {
  const type = btf.type(id)
  if (type.kind !== 'func_proto') return nameOf(btf, id, 0)
  const params = type.params.map((param, index) => {
    const variadic = param.type === 0 && index > 0 && index === type.params.length - 1
    return variadic ? '...' : nameOf(btf, param.type, 0)
  })
  return `${nameOf(btf, type.type, 0)} (${params.length === 0 ? 'void' : params.join(', ')})`
}

function nameOf(btf: Btf, id: number, depth: number): string {
  if (depth > MAX_DEPTH) return '...'
  const type = btf.type(id)
  const inner = (of: number): string => nameOf(btf, of, depth + 1)
  switch (type.kind) {
    case 'void':
      return 'void'
    case 'ptr': {
      const pointee = inner(type.type)
      return pointee.endsWith('*') ? `${pointee}*` : `${pointee} *`
    }
    case 'const':
    case 'volatile':
    case 'restrict':
      // Of a pointer it is said behind the asterisk.
      return btf.kind(type.type) === 'ptr'
        ? `${inner(type.type)} ${type.kind}`
        : `${type.kind} ${inner(type.type)}`
    case 'type_tag':
      return inner(type.type)
    case 'array':
      return `${inner(type.type)}[${type.count}]`
    case 'struct':
    case 'union':
      return `${type.kind} ${type.name || '(anonymous)'}`
    case 'fwd':
      return `${type.of} ${type.name}`
    case 'enum':
    case 'enum64':
      return `enum ${type.name || '(anonymous)'}`
    case 'func_proto':
      return 'function'
    default:
      return type.name || type.kind
  }
}
