/**
 * Making a link of the kernel.
 *
 * Source: kernel/bpf/syscall.c `link_create`.
 *
 * @module
 */

import { closeSync, openSync } from 'node:fs'
import { EINVAL, fileResult } from '../base/errno.ts'
import { withReason } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import { lacking } from '../kernel/lacking.ts'
import type { Feature } from '../kernel/probes/probe.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { bpf } from '../syscalls/bpf.ts'
import { OwnedFd } from '../syscalls/fd.ts'
import { explainKind, type HookUse } from './hooks/program-kind.ts'

/** What is known of a link that is to be made. */
export interface LinkRequest {
  /** Names the attachment in errors: `'program p to tcx of eth0'`. */
  readonly what: string
  /**
   * With the descriptors of the program and the target. Whoever makes them runs the caller's code first (options,
   * `requireProgramType`): it may close what they belong to.
   */
  readonly fields: AttrFields<'link_create'>
  /** The program and its hook; absent for links of operations. */
  readonly use?: HookUse
  /** What the hook needs of the kernel: it is asked for after the kernel has refused. */
  readonly feature?: Feature
  /** Says why the kernel refused, given -errno, where more can be found out than about the program. */
  readonly explain?: (result: number) => string | undefined
}

/**
 * Creates a link. Since Linux 5.7.
 *
 * @returns the link's descriptor, for the class that wraps it
 * @throws NotSupportedError when the kernel lacks the feature
 * @throws BpfError when the kernel refuses
 */
export function createLink({ what, fields, use, feature, explain }: LinkRequest): OwnedFd {
  const syscall = 'bpf(BPF_LINK_CREATE)'
  const result = bpf('link_create', fields)
  if (result >= 0) return OwnedFd.adopt(result, `link of ${what}`)
  if (result === -EINVAL && feature?.probe() === 'no')
    throw lacking(feature.name, feature.since, { action: `Cannot attach ${what}`, errno: -result, syscall })
  const error = failure(`Cannot attach ${what}`, result, syscall)
  const kind = (): string | undefined =>
    result === -EINVAL && use !== undefined ? explainKind(use) : undefined
  const reason = explain?.(result) ?? kind()
  throw reason === undefined ? error : withReason(error, reason)
}

/**
 * Opens a file or directory that is attached to, for as long as `use` runs.
 *
 * @param what names the attachment in errors
 * @throws BpfError with the errno's name as code when it cannot be opened
 */
export function withOpen<T>(what: string, path: string, flags: number, use: (fd: number) => T): T {
  let fd: number
  try {
    fd = openSync(path, flags)
  } catch (error) {
    const result = fileResult(error)
    if (result === undefined) throw error
    throw failure(`Cannot attach ${what}`, result, 'open')
  }
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}
