/**
 * Names of types that are like a mistyped one.
 *
 * @module
 */

import { nearest } from '../base/nearest.ts'
import type { Btf } from './btf.ts'
import type { BtfKind } from './types.ts'

/**
 * The name that is most like a wanted one, of a type of this BTF and not of its base.
 *
 * @param prefix what all names of interest begin with, such as `'btf_trace_'`; `''` for all
 * @returns without the prefix; `undefined` when none is like it
 */
export function similarName(btf: Btf, wanted: string, kind: BtfKind, prefix = ''): string | undefined {
  const names: string[] = []
  btf.forEachId(id => {
    if (btf.kind(id) !== kind) return
    const name = btf.name(id)
    if (name.startsWith(prefix)) names.push(name.slice(prefix.length))
  })
  return nearest(wanted, names)
}
