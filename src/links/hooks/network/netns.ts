/**
 * What the hooks of a network namespace have in common.
 *
 * Source: kernel/bpf/net_namespace.c `netns_bpf_link_create`.
 *
 * @module
 */

import { constants } from 'node:fs'
import { attachTypes } from '../../../abi/generated/enums.ts'
import { createLink, withOpen } from '../../create-link.ts'
import { KernelLink, type Link, type ProgramHandle } from '../../link.ts'
import { type HookUse, requireProgramType } from '../program-kind.ts'

/**
 * Attaches a program to a network namespace. Since Linux 5.8.
 *
 * @param place names the hook in errors
 * @param path of the namespace; default: the caller's
 * @throws BpfError when it cannot be opened, or the kernel refuses
 */
export function attachToNetns(
  program: ProgramHandle,
  hook: 'sk_lookup' | 'flow_dissector',
  place: string,
  path = '/proc/self/ns/net',
): Link {
  const what = `program ${program.name} to ${place} of ${path}`
  const attach_type = attachTypes[hook]
  const use: HookUse = { program, hook, attachType: hook }
  requireProgramType(what, use)
  return withOpen(
    what,
    path,
    constants.O_RDONLY,
    fd =>
      new KernelLink(createLink({ what, use, fields: { prog_fd: program.fd, target_fd: fd, attach_type } })),
  )
}
