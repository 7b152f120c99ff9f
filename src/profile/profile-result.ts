/**
 * A profile: what was found, and what was not.
 *
 * @module
 */

import type { StackCount } from '../charts/stacks/stack.ts'

/** A process that was sampled. */
export interface ProfiledProcess {
  readonly pid: number
  /** Name of the thread that was sampled first. */
  readonly name: string
  readonly samples: number
  /** Samples, or nanoseconds that it waited. */
  readonly value: number
}

/** A profile. */
export interface Profile {
  readonly mode: 'cpu' | 'off-cpu'
  /** Name of the event that samples were taken by; `undefined` in mode `'off-cpu'`. */
  readonly event: string | undefined
  /** Samples a second that were asked for; `undefined` in mode `'off-cpu'`. */
  readonly frequency: number | undefined
  readonly pid: number | undefined
  /** When it began. */
  readonly start: Date
  /** Seconds that it took. */
  readonly duration: number
  /** CPUs that were online at the end. */
  readonly cpus: number
  /** What `count` of a stack is: samples, or nanoseconds. */
  readonly unit: 'samples' | 'nanoseconds'
  /** The stacks, outermost caller first; the first frame is the name of the thread. */
  readonly stacks: readonly StackCount[]
  /** Samples that are in the stacks. */
  readonly samples: number
  /** Samples that were taken and had no room. */
  readonly lost: number
  /** Waits that were not followed, since too many threads waited; 0 in mode `'cpu'`. */
  readonly unfollowed: number
  /** Samples of CPUs without work; not in `samples`. */
  readonly idle: number
  /** Samples without the part of the stack that was asked for; not in `samples`. */
  readonly excluded: number
  /** Samples whose stack may have more frames than are taken, 127 of the process and of the kernel each. */
  readonly truncated: number
  /** Samples whose stack of the process ends before its beginning: code without frame pointers is in it. */
  readonly incomplete: number
  /** Samples of which the function that ran has no name. */
  readonly unnamed: number
  /** Samples of processes that had ended before they were looked at: their frames have no names. */
  readonly gone: number
  /** The processes, most first. */
  readonly processes: readonly ProfiledProcess[]
  /** What would make the profile better, a sentence each. */
  readonly hints: readonly string[]
}
