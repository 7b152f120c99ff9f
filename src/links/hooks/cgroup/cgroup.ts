/**
 * Hooks of a control group.
 *
 * Source: kernel/bpf/cgroup.c `cgroup_bpf_link_attach`.
 *
 * @module
 */

import { constants } from 'node:fs'
import { type AttachType, attachTypes } from '../../../abi/generated/enums.ts'
import { enumNumber } from '../../../abi/names.ts'
import { createLink, withOpen } from '../../create-link.ts'
import { KernelLink, type Link, type ProgramHandle } from '../../link.ts'

/**
 * Attaches a cgroup program to a cgroup of version 2 and all below it (5.7).
 *
 * @param path directory of the cgroup
 * @param attachType the hook, such as `'cgroup_inet_ingress'`
 * @throws BpfError with `EBADF` when the directory is not of cgroup version 2, `ENOENT` when there is none
 */
export function cgroup(program: ProgramHandle, path: string, attachType: AttachType | number): Link {
  const what = `program ${program.name} to ${attachType} of ${path}`
  return withOpen(
    what,
    path,
    constants.O_RDONLY | constants.O_DIRECTORY,
    fd =>
      new KernelLink(
        createLink(what, {
          prog_fd: program.fd,
          target_fd: fd,
          attach_type: enumNumber(attachTypes, attachType, 'attach type'),
        }),
      ),
  )
}
