/**
 * Flavours: what follows three underscores in a type's name distinguishes definitions of one kernel type.
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

/**
 * Whether what follows a name, up to the next NUL, is a flavour of it: that there is one, and only one.
 * Reads no further than the next flavour, so that looking at every place of a long string takes one pass.
 *
 * @param end where the name ends in `bytes`
 */
export function isFlavorSuffix(bytes: Uint8Array, end: number): boolean {
  if (!isSeparator(bytes, end - 1)) return false
  for (let at = end; at < bytes.length && bytes[at] !== 0; at++) {
    if (isSeparator(bytes, at)) return false
  }
  return true
}

/** Whether `X___Y` is here, with neither X nor Y an underscore. libbpf: `bpf_core_is_flavor_sep`. */
function isSeparator(bytes: Uint8Array, at: number): boolean {
  const after = bytes[at + 4]
  return (
    bytes[at] !== UNDERSCORE &&
    bytes[at + 1] === UNDERSCORE &&
    bytes[at + 2] === UNDERSCORE &&
    bytes[at + 3] === UNDERSCORE &&
    after !== UNDERSCORE &&
    after !== 0 &&
    after !== undefined
  )
}

const UNDERSCORE = 0x5f
