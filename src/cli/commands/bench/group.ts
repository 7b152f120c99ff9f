/**
 * `ebpf-ts bench`: measurements of the running kernel.
 *
 * @module
 */

import type { CommandTable } from '../../form/command.ts'

/** Commands of the group. */
export const commands: CommandTable = {
  probes: {
    summary: 'measure what each kind of probe costs',
    command: () => import('./probes.ts'),
  },
}
