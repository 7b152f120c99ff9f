/**
 * Hooks of a control group.
 *
 * Source: kernel/bpf/cgroup.c `cgroup_bpf_link_attach`.
 *
 * @module
 */

import { constants } from 'node:fs'
import { featureSince } from '../../../abi/feature-since.ts'
import { type AttachType, attachTypes } from '../../../abi/generated/enums.ts'
import { enumNumber } from '../../../abi/names.ts'
import { features } from '../../../kernel/probes/features.ts'
import { createLink, withOpen } from '../../create-link.ts'
import { KernelLink, type Link, type ProgramHandle } from '../../link.ts'
import { bySectionAt, type HookDefinition } from '../definition.ts'

/**
 * Attaches a cgroup program to a cgroup of version 2 and all below it. Since Linux 5.7.
 *
 * @param path directory of the cgroup
 * @param attachType the hook, such as `'cgroup_inet_ingress'`
 * @throws BpfError with `EBADF` when the directory is not of cgroup version 2, `ENOENT` when it does not exist
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

/** The hook `cgroup`. */
export const cgroupHook: HookDefinition = {
  attachesTo: 'a control group',
  call: "cgroup(program, '/sys/fs/cgroup', 'cgroup_inet_egress')",
  since: featureSince.link,
  linkType: 'cgroup',
  feature: features.link,
  target: 'HOOK',
  bySection: bySectionAt('cgroup', (program, _, path) => {
    const attachType = program.spec?.expectedAttachType ?? 0
    if (attachType === 0) throw new TypeError('the section name does not say which hook of the cgroup')
    return { link: cgroup(program, path, attachType), target: `${attachType} of ${path}` }
  }),
}
