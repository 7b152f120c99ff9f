/**
 * Perf events that this process has open.
 *
 * @module
 */

import { readdirSync, readlinkSync } from 'node:fs'

/** Number of perf events that this process has open. */
export function perfEvents(): number {
  return readdirSync('/proc/self/fd').filter(fd => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[perf_event]'
    } catch {
      return false
    }
  }).length
}
