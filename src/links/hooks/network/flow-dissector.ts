/**
 * Flow dissector: a program that finds the headers of a packet, instead of the kernel's own code.
 *
 * Source: net/core/flow_dissector.c; kernel/bpf/net_namespace.c.
 *
 * @module
 */

import { attachTypes } from '../../../abi/generated/enums.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { attachToNetns } from './netns.ts'

/**
 * Attaches a `flow_dissector` program to a network namespace (5.8).
 *
 * @param namespace path of the namespace; default: the caller's
 */
export function flowDissector(program: ProgramHandle, namespace?: string): Link {
  return attachToNetns(program, attachTypes.flow_dissector, 'flow dissector', namespace)
}
