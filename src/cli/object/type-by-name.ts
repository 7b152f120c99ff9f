/**
 * Types of an object by the names that C has for them.
 *
 * @module
 */

import { suggestion } from '../../base/index.ts'
import type { Btf, BtfKind } from '../../btf/index.ts'

/** What a keyword before the name says of a type. */
const KEYWORDS: Readonly<Record<string, readonly BtfKind[]>> = {
  struct: ['struct'],
  union: ['union'],
  enum: ['enum', 'enum64'],
}
/** Without one it is a typedef or an integer, or what many leave the keyword out of. */
const PLAIN: readonly BtfKind[] = ['typedef', 'int', 'float', 'struct', 'union', 'enum', 'enum64']

/**
 * The type that a name means: `'struct event'`, `'event'`, `'__u64'`.
 *
 * @returns its BTF id
 * @throws RangeError when the object has no such type; with the one that is most like it
 */
export function findType(btf: Btf, name: string): number {
  const [, keyword, bare = ''] = /^\s*(?:(struct|union|enum)\s+)?(\S+)\s*$/.exec(name) ?? []
  const kinds = keyword === undefined ? PLAIN : KEYWORDS[keyword]!
  for (const kind of kinds) {
    const id = bare === '' ? undefined : btf.find(bare, kind)
    if (id !== undefined) return id
  }
  const known = new Set<string>()
  btf.forEachId(id => {
    if (kinds.includes(btf.kind(id)) && btf.name(id) !== '') known.add(btf.name(id))
  })
  const prefix = keyword === undefined ? '' : `${keyword} `
  throw new RangeError(
    `the object has no type ${JSON.stringify(name)}${suggestion(bare, known, prefix) || '; compilers keep the types that maps, variables and functions use'}`,
  )
}
