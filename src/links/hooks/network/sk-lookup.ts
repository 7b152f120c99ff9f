/**
 * Socket look-up: programs that choose the socket for a packet that no connection claims.
 *
 * Source: net/core/filter.c `sk_lookup_verifier_ops`; kernel/bpf/net_namespace.c.
 *
 * @module
 */

import { programTypeSince } from '../../../abi/since.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { attachToNetns } from './netns.ts'

/**
 * Attaches a `sk_lookup` program to a network namespace. Since Linux 5.9.
 *
 * @param namespace path of the namespace; default: the caller's
 */
export function skLookup(program: ProgramHandle, namespace?: string): Link {
  return attachToNetns(program, 'sk_lookup', 'socket look-up', namespace)
}

/** The hook `sk_lookup`. */
export const skLookupHook: HookDefinition = {
  attachesTo: 'the socket look-up of a network namespace',
  call: 'skLookup(program)',
  since: programTypeSince.sk_lookup,
  linkType: 'netns',
  bySection: bySection(program => ({
    link: skLookup(program),
    target: 'socket look-up of this network namespace',
  })),
}
