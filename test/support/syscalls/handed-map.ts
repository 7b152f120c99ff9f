/**
 * A worker thread that gets a map by its descriptor, as docs/workers.md says, and counts in it; or ends before it has opened
 * it.
 *
 * @module
 */

import { once } from 'node:events'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { BpfMap } from '../../../src/maps/map.ts'
import { OwnedFd } from '../../../src/syscalls/fd.ts'

/** When the worker ends: having counted, or before it opens the map. */
export type End = 'late' | 'early'

/**
 * Starts the worker. The map must stay open until the promise is settled.
 *
 * @returns the worker, which has opened the map
 */
export async function startCounter(map: BpfMap, end: End): Promise<Worker> {
  const worker = new Worker(new URL(import.meta.url), { workerData: { fd: map.fd, end } })
  const waiting = new AbortController()
  const { signal } = waiting
  const first = once(worker, 'message', { signal })
  const ended = once(worker, 'exit', { signal })
  const [what] = await Promise.race([first, ended]).finally(() => waiting.abort())
  if (what !== 'open') throw new Error(`The worker ended with ${what} before it opened the map`)
  return worker
}

function count(): void {
  const { fd, end } = workerData as { fd: number; end: End }
  if (end === 'early') process.exit(3)
  using map = BpfMap.fromFd(OwnedFd.copyOf(fd, 'map').release())
  parentPort?.postMessage('open')
  map.set(new Uint8Array(4), new Uint8Array(8).fill(7))
}

if (!isMainThread && workerData?.end !== undefined) count()
