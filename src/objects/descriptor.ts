/**
 * Descriptors and ids that come from a caller, checked before anything is done with them.
 *
 * The kernel's info command does not say what a descriptor refers to: given a program where a map is expected, it writes
 * the facts of the program. procfs does.
 *
 * @module
 */

import { readlinkSync } from 'node:fs'
import { F_GETFD } from '../abi/linux.ts'
import type { BpfErrorCode } from '../base/error-codes.ts'
import { BpfError } from '../base/errors.ts'
import { printable } from '../base/text.ts'
import { FD_RANGE, isFd } from '../syscalls/descriptor.ts'
import { syscallEntry } from '../syscalls/entry.ts'
import { systemError } from '../syscalls/errno.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { nr } from '../syscalls/numbers.ts'
import { kinds, type ObjectKind } from './kinds.ts'

const MOST_ID = 0xffff_ffff

const kindOfFile: ReadonlyMap<string, ObjectKind> = new Map(
  (Object.keys(kinds) as ObjectKind[]).flatMap(kind => kinds[kind].files.map(file => [file, kind] as const)),
)

/**
 * What a descriptor refers to: a kind of BPF object, or what procfs shows of anything else, such as `'socket:[123]'`.
 *
 * @returns `undefined` without procfs
 */
export function objectKind(fd: number): ObjectKind | (string & {}) | undefined {
  let target: string
  try {
    target = readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return undefined
  }
  return kindOfFile.get(target) ?? target
}

/**
 * Checks that a number can be a descriptor.
 *
 * @param action what is done with it: `'Cannot use 7 as a map'`
 * @throws RangeError when it is not an integer from 0 to 2^31 - 1
 */
export function checkFd(fd: number, action: string): void {
  if (!isFd(fd)) throw new RangeError(`${action}: ${FD_RANGE}`)
}

/**
 * Checks that a number can be an id.
 *
 * @param action what is done with it: `'Cannot open map 7'`
 * @throws RangeError when it is not an integer from 1 to 2^32 - 1
 */
export function checkId(id: number, action: string): void {
  if (Number.isInteger(id) && id >= 1 && id <= MOST_ID) return
  throw new RangeError(`${action}: an id is an integer from 1 to ${MOST_ID}`)
}

/**
 * Takes over a descriptor of the caller.
 *
 * @param noun what it must be, in messages: `'map'`
 * @throws RangeError when it cannot be a descriptor
 * @throws BpfError `EBADF` when it is not open
 */
export function adoptFd(fd: number, noun: string): OwnedFd {
  const action = `Cannot use ${fd} as a ${noun}`
  checkFd(fd, action)
  const flags = syscallEntry().syscall(nr.fcntl, fd, F_GETFD)
  if (flags < 0) throw systemError(action, flags, 'fcntl(F_GETFD)')
  return OwnedFd.adopt(fd, noun)
}

/**
 * Checks what a descriptor refers to. Without procfs it passes.
 *
 * @param subject names the descriptor in the message: `'Descriptor 7'`
 * @param code of the error; default: that of the kind
 * @throws BpfError when it is something else
 */
export function requireKind(
  fd: number,
  kind: ObjectKind,
  subject: string,
  code: BpfErrorCode = kinds[kind].code,
): void {
  const found = objectKind(fd) ?? kind
  if (found !== kind)
    throw new BpfError(`${subject} is ${describeFd(fd)}, not a ${kinds[kind].noun}`, { code })
}

/** What a descriptor refers to, in messages: `'a map'`, `'/dev/null'`. */
export function describeFd(fd: number): string {
  const found = objectKind(fd)
  if (found === undefined) return 'something else'
  return Object.hasOwn(kinds, found) ? `a ${kinds[found as ObjectKind].noun}` : printable(found)
}
