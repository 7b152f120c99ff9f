/**
 * A source of records that is not a ring: a queue of texts in memory, with a switch for each thing that a source may do.
 *
 * @module
 */

import type { RecordSource, Watch, Watcher } from '../../../src/readers/source.ts'

/** A record in place. */
export interface TextView {
  readonly text: string
}

/** A queue of texts. Records are numbered so that tests see what was consumed and what was given back. */
export class FakeSource implements RecordSource<string, TextView> {
  readonly name: string
  /** What it holds, oldest first; a text that is not finished yet ends in `...`. */
  readonly queue: string[] = []
  /** Records that were consumed since the last call of `settle`. */
  unsettled = 0
  /** Thrown by the next call of `take`. */
  failure: Error | undefined
  closed = false
  /** Its watchers, with what was done to them last. */
  readonly watchers: { state: 'started' | 'stopped' | 'closed'; readonly onReadable: () => void }[] = []

  constructor(name: string, ...texts: string[]) {
    this.name = name
    this.queue.push(...texts)
  }

  get stalled(): boolean {
    return this.queue[0]?.endsWith('...') === true
  }

  take(): string | undefined {
    const { failure } = this
    this.failure = undefined
    if (failure !== undefined) throw failure
    if (this.closed || this.stalled) return undefined
    const text = this.queue.shift()
    if (text !== undefined) this.unsettled++
    return text
  }

  drain(callback: (record: TextView) => void, limit: number): number {
    let count = 0
    for (let left = this.queue.length; left > 0 && count < limit; left--) {
      const text = this.take()
      if (text === undefined) break
      count++
      callback({ text })
    }
    this.settle()
    return count
  }

  settle(): void {
    this.unsettled = 0
  }

  close(): void {
    this.settle()
    this.closed = true
  }

  /** Adds a record, and wakes those that watch. */
  write(text: string): void {
    this.queue.push(text)
    this.wake()
  }

  /** What a file descriptor does that became readable. */
  wake(): void {
    for (const { state, onReadable } of this.watchers) if (state === 'started') onReadable()
  }

  readonly watch: Watch = onReadable => {
    const watched: FakeSource['watchers'][number] = { state: 'started', onReadable }
    this.watchers.push(watched)
    const set = (state: typeof watched.state) => (): void => {
      watched.state = state
    }
    return { start: set('started'), stop: set('stopped'), close: set('closed') } satisfies Watcher
  }
}
