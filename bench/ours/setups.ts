/**
 * Every row that ebpf-ts does.
 *
 * @module
 */

import type { Setup } from '../work.ts'
import { elementSetups } from './elements.ts'
import { kallsymsSetups } from './kallsyms.ts'
import { memorySetups } from './memory.ts'
import { perfSetups } from './perf.ts'
import { ringSetups } from './ring.ts'
import { liveRingSetups } from './ring-live.ts'
import { sharedRingSetups } from './ring-shared.ts'
import { startSetups } from './start.ts'
import { userRingSetups } from './user-ring.ts'

/** Rows by name. */
export const setups: Readonly<Record<string, Setup>> = {
  ...elementSetups,
  ...memorySetups,
  ...ringSetups,
  ...liveRingSetups,
  ...sharedRingSetups,
  ...perfSetups,
  ...userRingSetups,
  ...startSetups,
  ...kallsymsSetups,
}
