/**
 * Flavours: what follows three underscores in a type's name tells definitions of one kernel type apart.
 *
 * Source: libbpf relo_core.c `bpf_core_essential_name_len`.
 *
 * @module
 */

/** A name without its flavour: `task_struct` for `task_struct___v5`; the last flavour, if there are several. */
export function essentialName(name: string): string {
  for (let at = name.length - 5; at >= 0; at--) {
    if (name[at] !== '_' && name.startsWith('___', at + 1) && name[at + 4] !== '_')
      return name.slice(0, at + 1)
  }
  return name
}
