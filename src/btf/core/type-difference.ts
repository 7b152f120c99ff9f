/**
 * In which part two types are not compatible, in words: their texts may be the same.
 *
 * Source: libbpf relo_core.c `bpf_core_types_are_compat`.
 *
 * @module
 */

import type { Btf } from '../btf.ts'
import { typesAreCompatible } from './match.ts'

/** How deep it is looked; what is deeper is a loop. */
const MAX_DEPTH = 32

/**
 * Names the first part of two types that are not compatible in which they differ: `'what argument 1 points to is a
 * declaration of struct sock without its members, and of kind struct sock in the kernel'`.
 */
export function typeDifference(localBtf: Btf, localId: number, targetBtf: Btf, targetId: number): string {
  let [where, local, target] = ['it', localId, targetId]
  for (let depth = 0; ; depth++) {
    if (depth === MAX_DEPTH) return 'they differ in a nested type'
    // Of the outermost types also the names must stand for the same.
    if (depth === 0 && localBtf.kind(local) !== targetBtf.kind(target)) break
    const own = localBtf.resolved(local)
    const other = targetBtf.resolved(target)
    if (own.kind !== other.kind) break
    if ((own.kind === 'ptr' || own.kind === 'array') && 'type' in other) {
      where = own.kind === 'ptr' ? `what ${where} points to` : `an element of ${where}`
      ;[local, target] = [own.type, other.type]
    } else if (own.kind === 'func_proto' && other.kind === 'func_proto') {
      if (own.params.length !== other.params.length)
        return `${where} has ${own.params.length} arguments, and ${other.params.length} in the kernel`
      const index = own.params.findIndex(
        ({ type }, at) =>
          !typesAreCompatible(
            localBtf,
            localBtf.resolve(type),
            targetBtf,
            targetBtf.resolve(other.params[at]!.type),
          ),
      )
      where = index === -1 ? 'the result' : `argument ${index + 1}`
      ;[local, target] =
        index === -1
          ? [own.type, other.type]
          : [localBtf.resolve(own.params[index]!.type), targetBtf.resolve(other.params[index]!.type)]
    } else break
  }
  return `${where} is ${partOf(localBtf, local)}, and ${partOf(targetBtf, target)} in the kernel`
}

/** A type with its kind, which decides. */
function partOf(btf: Btf, id: number): string {
  const alias = btf.kind(id) === 'typedef' ? ` (${btf.name(id)})` : ''
  const type = btf.resolved(id)
  const name = 'name' in type && type.name !== '' ? ` ${type.name}` : ''
  if (type.kind === 'fwd') return `a declaration of ${type.of}${name} without its members${alias}`
  return `of kind ${type.kind}${name}${alias}`
}
