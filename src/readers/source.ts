/**
 * What readers read: sources of records. The ring of a ring buffer is one; so can be the ring of one CPU of a perf
 * buffer, or a trace pipe. Everything that waits, iterates and takes turns works on this interface alone.
 *
 * @module
 */

import type { FdWatcher } from '../syscalls/backends/syscall-entry.ts'

/**
 * A source of records.
 *
 * @typeParam R a record that was copied
 * @typeParam V a record in place, valid during a callback
 */
export interface RecordSource<R, V = R> {
  /** Name of the map or file, for messages. */
  readonly name: string
  /**
   * Whether there is something that cannot be read yet, such as a record that is still being written. The source may
   * then look readable to its watcher for as long as that lasts.
   */
  readonly stalled: boolean
  /** Copies the oldest record and consumes it; `undefined` when none can be read now. */
  take(): R | undefined
  /**
   * Calls back for the records that are there now, oldest first, without a copy. A record is consumed when its callback
   * returns, throws, or closes the source. Not re-entrant.
   *
   * @param limit greatest number of records
   * @returns how many there were
   */
  drain(callback: (record: V) => void, limit: number): number
  /** Gives the space of all consumed records back. A source may do so on its own for several of them at a time. */
  settle(): void
  /** Does what `settle` does, and touches what it reads from no more, also within the callback of `drain`. */
  close(): void
}

/** Watches whether a source may have a record. */
export type Watcher = Pick<FdWatcher, 'start' | 'stop' | 'close'>

/** Makes the watcher of a source. It may be active already, and may call back without a record. */
export type Watch = (onReadable: () => void) => Watcher
