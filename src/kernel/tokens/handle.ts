/**
 * How a BPF token is given to what creates or loads.
 *
 * Source: include/uapi/linux/bpf.h `BPF_F_TOKEN_FD`.
 *
 * @module
 */

import { BPF_F_TOKEN_FD } from '../../abi/generated/flags.ts'
import type { AttrFields } from '../../syscalls/attr.ts'

/** Anything that holds a token's descriptor, such as a `Token`. */
export interface TokenHandle {
  readonly fd: number
  /** The BPF file system that it is of, where that is known. */
  readonly path: string | undefined
}

/** The option that whatever creates or loads has. */
export interface TokenOptions {
  /**
   * BPF token to use, `false` for none. Default: that of `Token.automatic()`, which exists only in a user namespace
   * that something is delegated to. Since Linux 6.9.
   */
  token?: TokenHandle | false | undefined
}

/** Where each command that takes a token has it: the field of the flags, and that of the descriptor. */
const places = {
  map_create: ['map_flags', 'map_token_fd'],
  prog_load: ['prog_flags', 'prog_token_fd'],
  btf_load: ['btf_flags', 'btf_token_fd'],
  btf_get_fd_by_id: ['open_flags', 'fd_by_id_token_fd'],
} as const

/** A command that takes a token: since Linux 6.9, `btf_get_fd_by_id` since 6.15. */
export type TokenCommand = keyof typeof places

/** Adds a token to the fields of a command; gives them back as they are without one. */
export function withToken<C extends TokenCommand>(
  command: C,
  fields: AttrFields<C>,
  token: TokenHandle | undefined,
): AttrFields<C> {
  if (token === undefined) return fields
  const [flags, fd] = places[command]
  const given = (fields as Readonly<Record<string, unknown>>)[flags] ?? 0
  return { ...fields, [flags]: (Number(given) | BPF_F_TOKEN_FD) >>> 0, [fd]: token.fd }
}
