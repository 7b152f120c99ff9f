/**
 * A process that loses readers without closing them, and opens their maps again. Run it with `--expose-gc`. It prints the
 * name of each kind whose map was given back, which a reader that waits for records must not do.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import type { BpfMap } from '../../../src/maps/map.ts'
import { PerfBuffer } from '../../../src/readers/perf/perf-buffer.ts'
import { RingBuffer } from '../../../src/readers/ring-buffer.ts'
import { createPerfArray } from './perf-programs.ts'
import { createRing } from './ring-programs.ts'

const kinds: Readonly<
  Record<string, [create: () => BpfMap, open: (map: BpfMap) => RingBuffer | PerfBuffer]>
> = {
  ring: [createRing, map => RingBuffer.open(map)],
  perf: [createPerfArray, map => PerfBuffer.open(map)],
}

/** Whether the map of a reader that `lose` opens and forgets is free some collections later. */
async function isFree(
  [create, open]: (typeof kinds)[string],
  lose: (open: () => RingBuffer | PerfBuffer) => Promise<void>,
): Promise<boolean> {
  const map = create()
  await lose(() => open(map))
  for (let i = 0; i < 10; i++) {
    // What a WeakRef was asked for stays until the job ends.
    await sleep(1)
    globalThis.gc?.()
    await sleep(1)
    try {
      open(map).close()
      return true
    } catch {
      // It is there yet.
    }
  }
  return false
}

for (const [name, kind] of Object.entries(kinds)) {
  const forget = async (open: () => RingBuffer | PerfBuffer): Promise<void> => void open()
  if (await isFree(kind, forget)) console.log(`${name} given back`)
  // The watchers were started, and stopped again.
  const leaveLoop = async (open: () => RingBuffer | PerfBuffer): Promise<void> => {
    const iterator = open().records()
    const pending = iterator.next()
    await sleep(5)
    await iterator.return?.()
    await pending
  }
  if (await isFree(kind, leaveLoop)) console.log(`${name} given back after a loop`)
  const wait = async (open: () => RingBuffer | PerfBuffer): Promise<void> => void open().records().next()
  if (await isFree(kind, wait)) console.log(`${name} given back while it is waited for`)
}
// What waits keeps the process alive.
process.exit()
