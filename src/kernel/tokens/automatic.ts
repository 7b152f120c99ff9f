/**
 * The token that is used when the caller gives none.
 *
 * Source: libbpf `bpf_object_prepare_token`, and `bpf_object_open` for the variable.
 *
 * @module
 */

import { BpfError, NotSupportedError, unlessRefused } from '../../base/errors.ts'
import type { OwnedFd } from '../../syscalls/fd.ts'
import { DEFAULT_BPFFS } from '../bpffs.ts'
import { inInitialUserNamespace } from '../user-namespace.ts'
import { createToken, tokenAction } from './create.ts'
import type { TokenHandle, TokenOptions } from './handle.ts'

/** libbpf's variable: the BPF file system to take a token of; empty for none. */
const VARIABLE = 'LIBBPF_BPF_TOKEN_PATH'

/** A token that stays open until this thread ends. */
export interface AutomaticToken extends TokenHandle {
  readonly path: string
  /** The descriptor's owner. */
  readonly owner: OwnedFd
}

/** Tokens that were created, by path. */
const tokens = new Map<string, AutomaticToken>()

/** Whether the kernel was found to have no tokens: then it is not asked at each load. */
let unsupported = false

/**
 * The token of the BPF file system that the environment variable `LIBBPF_BPF_TOKEN_PATH` names, else of `/sys/fs/bpf`.
 * It is created once, and stays open until this thread ends.
 *
 * @returns `undefined` when `/sys/fs/bpf` gives none, or the variable is empty
 * @throws BpfError when the variable names a file system, and a token of it cannot be created
 */
export function automaticToken(): AutomaticToken | undefined {
  const named = process.env[VARIABLE]
  if (named === '') return undefined
  if (named === undefined && (inInitialUserNamespace() || unsupported)) return undefined
  const path = named ?? DEFAULT_BPFFS
  const known = tokens.get(path)
  if (known !== undefined) return known
  let owner: OwnedFd
  try {
    owner = createToken(path)
  } catch (error) {
    unsupported = error instanceof NotSupportedError
    if (named === undefined && error instanceof BpfError) return undefined
    throw error
  }
  const token: AutomaticToken = {
    path,
    owner,
    get fd() {
      return owner.fd
    },
  }
  tokens.set(path, token)
  return token
}

/**
 * The token that an option stands for.
 *
 * @throws BpfError as {@link automaticToken}, when the option is left out
 * @throws TypeError when it is neither a token nor `false`
 */
export function resolveToken(option: TokenOptions['token']): TokenHandle | undefined {
  if (option === undefined) return automaticToken()
  if (option === false) return undefined
  if (typeof option === 'object' && 'fd' in option && 'path' in option) return option
  throw new TypeError('The option token takes a Token, or false for none')
}

/** As {@link resolveToken}, for probes, which do without a token that cannot be created. */
export function resolveTokenForProbe(option: TokenOptions['token']): TokenHandle | undefined {
  return unlessRefused(() => resolveToken(option))
}

/** Why the automatic token is missing; `undefined` when it exists, or is not needed. */
export function whyNoToken(): string | undefined {
  if (inInitialUserNamespace()) return undefined
  const path = process.env[VARIABLE] ?? DEFAULT_BPFFS
  if (path === '') return `${VARIABLE} is empty`
  if (tokens.has(path)) return undefined
  try {
    createToken(path).close()
    return undefined
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    return error.message.slice(`${tokenAction(path)}: `.length)
  }
}
