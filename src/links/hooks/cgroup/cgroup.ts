/**
 * Hooks of a control group.
 *
 * Source: kernel/bpf/cgroup.c `cgroup_bpf_link_attach`.
 *
 * @module
 */

import { constants, statfsSync } from 'node:fs'
import { featureSince } from '../../../abi/feature-since.ts'
import { type AttachType, attachTypes } from '../../../abi/generated/enums.ts'
import { CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC } from '../../../abi/linux.ts'
import { enumNumber } from '../../../abi/names.ts'
import { E2BIG, EBADF, EINVAL } from '../../../base/errno.ts'
import { mountsOf } from '../../../kernel/mounts.ts'
import { features } from '../../../kernel/probes/features.ts'
import { isAtLeast } from '../../../kernel/version.ts'
import type { AttrFields } from '../../../syscalls/attr.ts'
import { createLink, withOpen } from '../../create-link.ts'
import { KernelLink, type Link, type ProgramHandle } from '../../link.ts'
import { type Anchor, anchorFields } from '../anchor.ts'
import { bySectionAt, type HookDefinition } from '../definition.ts'
import { type HookUse, requireProgramType } from '../program-kind.ts'

/** Source: include/uapi/linux/bpf.h. */
const BPF_F_PREORDER = 1 << 6

/** Where a program goes among those of a control group. Since Linux 6.17. */
export interface CgroupOptions {
  /** Place among the programs that are attached already, next to another link. Default: last. */
  anchor?: Anchor
  /** Runs before the programs of control groups below, instead of after them. Since Linux 6.15. */
  preorder?: boolean
  /** Attach only if the hook still has this revision; otherwise fail with `ESTALE`. */
  expectedRevision?: bigint
}

/**
 * Attaches a cgroup program to a cgroup of version 2 and all below it. Since Linux 5.7.
 *
 * @param path directory of the cgroup
 * @param attachType the hook, such as `'cgroup_inet_ingress'`
 * @throws BpfError with `ERR_PROGRAM_TYPE` when the hook takes programs of another type, `EBADF` when the directory is not of cgroup version 2, `ENOENT` when it does not exist
 */
export function cgroup(
  program: ProgramHandle,
  path: string,
  attachType: AttachType | number,
  options: CgroupOptions = {},
): Link {
  const what = `program ${program.name} to ${attachType} of ${path}`
  const attach_type = enumNumber(attachTypes, attachType, 'attach type')
  const use: HookUse = { program, hook: 'cgroup', attachType }
  requireProgramType(what, use)
  // Before the descriptors: getters of the options may close what these belong to.
  const { preorder, expectedRevision, anchor } = options
  const given = { preorder, expectedRevision, anchor }
  const order = orderFields(given)
  return withOpen(
    what,
    path,
    constants.O_RDONLY | constants.O_DIRECTORY,
    fd =>
      new KernelLink(
        createLink({
          what,
          use,
          fields: { prog_fd: program.fd, target_fd: fd, attach_type, ...order },
          explain: result => (result === -EBADF ? notCgroup2(path) : unknownOrder(result, given)),
        }),
      ),
  )
}

/** The options, each read once. */
type Order = { readonly [K in keyof CgroupOptions]-?: CgroupOptions[K] | undefined }

function isOrdered({ anchor, preorder, expectedRevision }: Order): boolean {
  return anchor !== undefined || preorder === true || expectedRevision !== undefined
}

function orderFields(order: Order): AttrFields<'link_create'> {
  if (!isOrdered(order)) return {}
  const { preorder, expectedRevision = 0n, anchor } = order
  const { flags, relative } = anchorFields(anchor)
  return {
    flags: flags | (preorder === true ? BPF_F_PREORDER : 0),
    cgroup: { relative_fd: relative, expected_revision: expectedRevision },
  }
}

/** What is wrong with an order; `undefined` when none is asked for, or nothing is found. */
function unknownOrder(result: number, order: Order): string | undefined {
  if (!isOrdered(order) || (result !== -EINVAL && result !== -E2BIG)) return undefined
  const { anchor, expectedRevision } = order
  const onlyBefore = anchor === undefined && expectedRevision === undefined
  if (onlyBefore)
    return isAtLeast(featureSince.cgroupPreorder)
      ? undefined
      : `running before the programs of control groups below (preorder) needs Linux ${featureSince.cgroupPreorder}`
  if (!isAtLeast(featureSince.cgroupOrder))
    return `an order among the programs of a control group needs Linux ${featureSince.cgroupOrder}`
  const neighbour = typeof anchor !== 'object' ? undefined : 'before' in anchor ? anchor.before : anchor.after
  return neighbour !== undefined && !('link' in neighbour || 'linkId' in neighbour)
    ? 'a link of a control group is placed next to another link, not a program'
    : undefined
}

/** Why a directory is not one of a control group; `undefined` when it is. */
function notCgroup2(path: string): string | undefined {
  let type: number
  try {
    type = statfsSync(path).type
  } catch {
    return undefined
  }
  if (type === CGROUP2_SUPER_MAGIC) return undefined
  const what = type === CGROUP_SUPER_MAGIC ? 'a control group of version 1' : 'not a control group'
  const mounts = mountsOf('cgroup2')
  const where =
    mounts.length === 0
      ? 'no file system of version 2 (cgroup2) is mounted'
      : `version 2 is mounted at ${mounts.join(', ')}`
  return `${path} is ${what}; ${where}`
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
