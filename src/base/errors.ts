/**
 * The errors that the library throws. Wrong arguments are `TypeError` or `RangeError`; everything else is a
 * `BpfError` or one of its few subclasses.
 *
 * @module
 */

import { errnos, fileErrno } from './errno.ts'
import type { BpfErrorCode } from './error-codes.ts'

/** What a `BpfError` knows besides its message. */
export interface BpfErrorOptions {
  /** An errno's name (`'EPERM'`) or one of the library's own codes (`'ERR_CLOSED'`). */
  code: BpfErrorCode
  /** Positive errno of the system call that failed. */
  errno?: number | undefined
  /** The system call or `bpf(2)` command that failed, such as `'bpf(BPF_PROG_LOAD)'`. */
  syscall?: string | undefined
  /** The error that led to this one. */
  cause?: unknown
}

/** Base class of every error that comes from the kernel, or from the state of one of our objects. */
export class BpfError extends Error {
  /** An errno's name such as `'EPERM'`, or one of the library's own codes such as `'ERR_CLOSED'`. */
  readonly code: BpfErrorCode
  /** Positive errno of the system call that failed; `undefined` when no system call was involved. */
  readonly errno: number | undefined
  /** The system call or `bpf(2)` command that failed. */
  readonly syscall: string | undefined

  static {
    BpfError.prototype.name = 'BpfError'
  }

  constructor(message: string, options: BpfErrorOptions) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = options.code
    this.errno = options.errno
    this.syscall = options.syscall
  }
}

/** What a `NotSupportedError` knows besides the feature. */
export interface NotSupportedOptions extends Partial<Omit<BpfErrorOptions, 'code'>> {
  /** Why the kernel lacks it, where the release does not say so: `'it was built without CONFIG_KPROBE_EVENTS'`. */
  reason?: string | undefined
  /** What to do instead. */
  hint?: string | undefined
  /** What was being done: `'Cannot load program on_exec'`. */
  action?: string
}

/** The kernel, for certain, lacks a feature. Inconclusive failures are plain `BpfError`s. */
export class NotSupportedError extends BpfError {
  /** What is missing, in words: `'BPF link for kprobe_multi'`. */
  readonly feature: string
  /** First kernel that has it, such as `'5.18'`; `undefined` when it does not depend on the version. */
  readonly since: string | undefined
  /** Why the kernel lacks it, where that is known and the release does not say so. */
  readonly reason: string | undefined
  /** What to do instead, where there is something. */
  readonly hint: string | undefined

  static {
    NotSupportedError.prototype.name = 'NotSupportedError'
  }

  constructor(feature: string, since?: string, options: NotSupportedOptions = {}) {
    const action = options.action === undefined ? '' : `${options.action}: `
    const needs = since === undefined ? '' : ` (needs Linux ${since} or later)`
    const more = [options.reason, options.hint].filter(each => each !== undefined)
    super([`${action}${feature} is not supported by this kernel${needs}`, ...more].join('; '), {
      ...options,
      code: 'ERR_NOT_SUPPORTED',
    })
    this.feature = feature
    this.since = since
    this.reason = options.reason
    this.hint = options.hint
  }
}

/** Where in an object file something is wrong. */
export interface ObjectFileLocation {
  /** File name, or what the caller called the bytes. */
  file?: string | undefined
  /** Section name, such as `'.BTF.ext'`. */
  section?: string | undefined
  /** Byte offset inside the section, or inside the file when `section` is absent. */
  offset?: number | undefined
}

/** An object file (ELF, BTF) is truncated, malformed, or uses something that cannot be loaded. */
export class ObjectFileError extends BpfError {
  /** File name, or what the caller called the bytes. */
  readonly file: string | undefined
  /** Section name, such as `'.BTF.ext'`. */
  readonly section: string | undefined
  /** Byte offset inside the section, or inside the file when `section` is absent. */
  readonly offset: number | undefined
  /** What is wrong, without the place. */
  readonly reason: string

  static {
    ObjectFileError.prototype.name = 'ObjectFileError'
  }

  constructor(reason: string, where: ObjectFileLocation = {}, options: Partial<BpfErrorOptions> = {}) {
    super(`${reason}${placeOf(where)}`, { code: 'ERR_OBJECT_FILE', ...options })
    this.reason = reason
    this.file = where.file
    this.section = where.section
    this.offset = where.offset
  }
}

function placeOf(where: ObjectFileLocation): string {
  const parts: string[] = []
  if (where.file !== undefined) parts.push(where.file)
  if (where.section !== undefined) parts.push(`section ${where.section}`)
  if (where.offset !== undefined) parts.push(`offset 0x${where.offset.toString(16)}`)
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`
}

/**
 * The error of a file that could not be read or written.
 *
 * @param what what could not be done: `'Cannot read a.bpf.o'`
 * @param error that `node:fs` threw
 */
export function fileError(what: string, error: unknown): BpfError {
  const { message, syscall } = error as Error & { syscall?: string }
  const code = fileErrno(error)
  return new BpfError(`${what}: ${message}`, { code, errno: errnos[code], syscall, cause: error })
}

/** An operation on a handle that was closed. */
export function closedError(what: string): BpfError {
  return new BpfError(`${what} is closed`, { code: 'ERR_CLOSED' })
}

/**
 * The same error, of the same class of this file, with what could not be done before its message.
 *
 * @param action such as `'Cannot load program on_exec'`
 */
export function withAction(error: BpfError, action: string): BpfError {
  const { code, errno, syscall } = error
  const options = { code, errno, syscall, cause: error }
  if (error instanceof NotSupportedError) {
    const { feature, since, reason, hint } = error
    return new NotSupportedError(feature, since, { ...options, action, reason, hint })
  }
  return error instanceof ObjectFileError
    ? new ObjectFileError(`${action}: ${error.reason}`, error, options)
    : new BpfError(`${action}: ${error.message}`, options)
}

/** The same error with a reason behind its message. */
export function withReason(error: BpfError, reason: string): BpfError {
  const { code, errno, syscall } = error
  return new BpfError(`${error.message}: ${reason}`, { code, errno, syscall, cause: error })
}

/** What a function returns; `undefined` when it throws a {@link BpfError}. Other errors are thrown on. */
export function unlessRefused<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (error instanceof BpfError) return undefined
    throw error
  }
}
