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

/** Names of exception callbacks by the name of the program that has the tag. */
export function readExceptionCallbacks(btf: Btf | undefined): ReadonlyMap<string, string> {
  const callbacks = new Map<string, string>()
  btf?.forEachId(id => {
    if (btf.kind(id) !== 'decl_tag') return
    const tag = btf.type(id)
    if (tag.kind !== 'decl_tag' || tag.component !== -1 || !tag.name.startsWith(TAG)) return
    if (btf.kind(tag.type) === 'func') callbacks.set(btf.name(tag.type), tag.name.slice(TAG.length))
  })
  return callbacks
}
