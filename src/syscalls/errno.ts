/**
 * Texts of errno values, and the error of a failed system call. The texts come from Node; only what Node lacks or
 * words badly is given here.
 *
 * @module
 */

import { getSystemErrorMap } from 'node:util'
import { EBADFD, ENOTSUPP, EOPNOTSUPP, errnoName } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'

/** Texts that Node lacks or words badly, by number. */
const corrections: ReadonlyMap<number, string> = new Map([
  [EBADFD, 'file descriptor in bad state'],
  // libuv's text speaks of sockets.
  [EOPNOTSUPP, 'operation not supported'],
  [ENOTSUPP, 'operation not supported by this kernel'],
])

let texts: Map<number, readonly [name: string, text: string]> | undefined

/** What a positive errno means, in words: `'operation not permitted'`; `'unknown error 4242'` otherwise. */
export function errnoText(errno: number): string {
  texts ??= getSystemErrorMap()
  return corrections.get(errno) ?? texts.get(-errno)?.[1] ?? `unknown error ${errno}`
}

/**
 * The error of a failed system call, with the message `<what>: <text> (<name>)`.
 *
 * @param what what could not be done: `'Cannot create map foo'`
 * @param result what the call returned: -errno
 * @param syscall the call or `bpf(2)` command: `'bpf(BPF_MAP_CREATE)'`
 */
export function systemError(what: string, result: number, syscall: string): BpfError {
  const errno = -result
  const text = errnoText(errno)
  const message = `${what}: ${text.charAt(0).toUpperCase()}${text.slice(1)} (${errnoName(errno)})`
  return new BpfError(message, { code: errnoName(errno), errno, syscall })
}
