/**
 * Flow dissector: a program that finds the headers of a packet, instead of the kernel's own code.
 *
 * Source: net/core/flow_dissector.c; kernel/bpf/net_namespace.c.
 *
 * @module
 */

import { linkTypeSince } from '../../../abi/since.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { attachToNetns } from './netns.ts'

/**
 * Attaches a `flow_dissector` program to a network namespace. Since Linux 5.8.
 *
 * @param namespace path of the namespace; default: the caller's
 */
export function flowDissector(program: ProgramHandle, namespace?: string): Link {
  return attachToNetns(program, 'flow_dissector', 'flow dissector', namespace)
}

/** The hook `flow_dissector`. */
export const flowDissectorHook: HookDefinition = {
  attachesTo: 'the flow dissector of a network namespace',
  call: 'flowDissector(program)',
  since: linkTypeSince.netns,
  linkType: 'netns',
  bySection: bySection(program => ({
    link: flowDissector(program),
    target: 'flow dissector of this network namespace',
  })),
}
