/**
 * What the hooks of a network namespace have in common.
 *
 * Source: kernel/bpf/net_namespace.c `netns_bpf_link_create`.
 *
 * @module
 */

import { constants } from 'node:fs'
import { createLink, withOpen } from '../../create-link.ts'
import { KernelLink, type Link, type ProgramHandle } from '../../link.ts'

/**
 * Attaches a program to a network namespace. Since Linux 5.8.
 *
 * @param hook names the hook in errors
 * @param path of the namespace; default: the caller's
 * @throws BpfError when it cannot be opened, or the kernel refuses
 */
export function attachToNetns(
  program: ProgramHandle,
  attachType: number,
  hook: string,
  path = '/proc/self/ns/net',
): Link {
  const what = `program ${program.name} to ${hook} of ${path}`
  return withOpen(
    what,
    path,
    constants.O_RDONLY,
    fd => new KernelLink(createLink(what, { prog_fd: program.fd, target_fd: fd, attach_type: attachType })),
  )
}
