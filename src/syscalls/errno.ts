/**
 * Names and texts of errno values. They come from Node, which knows them for the running platform; only what
 * Node lacks or words badly is given here.
 *
 * @module
 */

import os from 'node:os'
import { getSystemErrorMap } from 'node:util'
import { BpfError } from '../base/errors.ts'

/** What Node does not know, and names that Linux prefers where one number has two. */
const corrections: Readonly<Record<number, readonly [name: string, text: string]>> = {
  // EWOULDBLOCK is the same number.
  11: ['EAGAIN', 'resource temporarily unavailable'],
  // What bpf(2) says of a number that is no descriptor.
  77: ['EBADFD', 'file descriptor in bad state'],
  // libuv's text speaks of sockets; ENOTSUP is the same number.
  95: ['EOPNOTSUPP', 'operation not supported'],
  // Internal to the kernel (include/linux/errno.h), but bpf(2) lets it through.
  524: ['ENOTSUPP', 'operation not supported by this kernel'],
}

let table: Map<number, readonly [name: string, text: string]> | undefined

function lookUp(errno: number): readonly [name: string, text: string] | undefined {
  if (table === undefined) {
    table = new Map()
    for (const [name, number] of Object.entries(os.constants.errno)) table.set(number, [name, name])
    for (const [number, entry] of getSystemErrorMap()) table.set(-number, entry)
    for (const [number, entry] of Object.entries(corrections)) table.set(Number(number), entry)
  }
  return table.get(errno)
}

/** Symbolic name of a positive errno: `'EPERM'`; `'ERRNO_4242'` when nobody knows it. */
export function errnoName(errno: number): string {
  return lookUp(errno)?.[0] ?? `ERRNO_${errno}`
}

/** What a positive errno means, in words: `'operation not permitted'`; `'unknown error 4242'` otherwise. */
export function errnoText(errno: number): string {
  return lookUp(errno)?.[1] ?? `unknown error ${errno}`
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
