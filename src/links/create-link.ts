/**
 * Making a link of the kernel.
 *
 * Source: kernel/bpf/syscall.c `link_create`.
 *
 * @module
 */

import { closeSync, openSync } from 'node:fs'
import { EINVAL } from '../base/errno.ts'
import { NotSupportedError } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import type { Feature } from '../kernel/probes/probe.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { bpf } from '../syscalls/bpf.ts'
import { OwnedFd } from '../syscalls/fd.ts'

/**
 * Creates a link. Since Linux 5.7.
 *
 * @param what names the attachment in errors: `'program p to tcx of eth0'`
 * @param feature what the hook needs of the kernel: it is asked for after the kernel has refused
 * @returns the link's descriptor, for the class that wraps it
 * @throws NotSupportedError when the kernel lacks the feature
 * @throws BpfError when the kernel refuses
 */
export function createLink(what: string, fields: AttrFields<'link_create'>, feature?: Feature): OwnedFd {
  const result = bpf('link_create', fields)
  if (result >= 0) return OwnedFd.adopt(result, `link of ${what}`)
  if (result === -EINVAL && feature?.probe() === 'no') {
    throw new NotSupportedError(feature.name, feature.since, {
      action: `Cannot attach ${what}`,
      errno: -result,
      syscall: 'bpf(BPF_LINK_CREATE)',
    })
  }
  throw failure(`Cannot attach ${what}`, result, 'bpf(BPF_LINK_CREATE)')
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
    const { errno, syscall } = error as NodeJS.ErrnoException
    if (errno === undefined) throw error
    throw failure(`Cannot attach ${what}`, errno, syscall ?? 'open')
  }
  try {
    return use(fd)
  } finally {
    closeSync(fd)
  }
}
