/**
 * Exception callbacks: `__attribute__((btf_decl_tag("exception_callback:NAME")))` on a program names the function that runs
 * when it throws (`bpf_throw`). Since Linux 6.7.
 *
 * Source: libbpf `bpf_prog_assign_exc_cb`.
 *
 * @module
 */

import type { Btf } from '../../btf/btf.ts'

const TAG = 'exception_callback:'

/**
 * Names of exception callbacks by the BTF id of the function that has the tag; `undefined` for a function with several, which
 * the verifier refuses, as it does a callback that is not global.
 */
export function readExceptionCallbacks(btf: Btf | undefined): ReadonlyMap<number, string | undefined> {
  const callbacks = new Map<number, string | undefined>()
  btf?.forEachId(id => {
    if (btf.kind(id) !== 'decl_tag') return
    const tag = btf.type(id)
    if (tag.kind !== 'decl_tag' || tag.component !== -1 || !tag.name.startsWith(TAG)) return
    callbacks.set(tag.type, callbacks.has(tag.type) ? undefined : tag.name.slice(TAG.length))
  })
  return callbacks
}
