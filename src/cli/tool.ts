/**
 * The tool as a whole.
 *
 * @module
 */

import { commands } from './commands/group.ts'
import type { Tool } from './form/execute.ts'

/** `ebpf-ts`, with all of its commands. */
export const tool: Tool = {
  name: 'ebpf-ts',
  summary: 'load, attach, read and measure eBPF programs',
  commands,
}
