/**
 * What to profile, checked.
 *
 * @module
 */

import type { PerfEventSelection } from '../kernel/perf/event-attributes.ts'
import { readText } from '../kernel/read-text.ts'

/** Which part of stacks to take. */
export type ProfileStacks = 'all' | 'user' | 'kernel'

/** How far a profile is. */
export interface ProfileProgress {
  /** Seconds since it began. */
  readonly elapsed: number
  /** Samples that were read. */
  readonly samples: number
  /** Samples that had no room. */
  readonly lost: number
}

/** What to profile. */
export interface ProfileOptions {
  /** Only this process. Default: all. */
  pid?: number
  /**
   * `'cpu'`: what runs, so many times a second on each CPU. `'off-cpu'`: what waits, and how long, whenever it goes on; what still
   * waits at the end is not counted. Default: `'cpu'`.
   */
  mode?: 'cpu' | 'off-cpu'
  /** Samples a second on each CPU, in mode `'cpu'`. Default: 99. */
  frequency?: number
  /** What the samples are taken by, in mode `'cpu'`; as `perfEvent` of `ebpf-ts/links` has it. Default: `'cpu-clock'`. */
  event?: string | PerfEventSelection
  /** Which part of stacks to take; what has none of it is left out, and counted. Default: `'all'`. */
  stacks?: ProfileStacks
  /** Seconds. Default: until `signal` aborts. */
  duration?: number
  /** Ends the profile early, without an error. */
  signal?: AbortSignal
  /** Called some times a second while samples are taken. What it throws ends the profile. */
  onProgress?: (progress: ProfileProgress) => void
  /** Gives names their readable form: see `SymbolizerOptions`. */
  demangle?: (name: string) => string
}

/** The options, checked and complete. */
export interface ProfileSettings {
  readonly pid: number | undefined
  readonly mode: 'cpu' | 'off-cpu'
  readonly frequency: number
  readonly event: PerfEventSelection
  readonly stacks: ProfileStacks
  readonly duration: number | undefined
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((progress: ProfileProgress) => void) | undefined
  readonly demangle: ((name: string) => string) | undefined
}

const MODES: readonly unknown[] = ['cpu', 'off-cpu']
const STACKS: readonly unknown[] = ['all', 'user', 'kernel']
/** Timers of Node.js have 31 bits of milliseconds. */
const MAX_SECONDS = 2_000_000

/**
 * Checks and completes options.
 *
 * @throws TypeError, RangeError for what is not an option, or contradicts another
 */
export function profileSettings(options: ProfileOptions): ProfileSettings {
  const {
    pid,
    mode = 'cpu',
    frequency,
    event,
    stacks = 'all',
    duration,
    signal,
    onProgress,
    demangle,
  } = options
  const fail = (reason: string): never => {
    throw new TypeError(`Cannot profile: ${reason}`)
  }
  if (!MODES.includes(mode)) fail(`${JSON.stringify(mode)} is not a mode: 'cpu' and 'off-cpu' are`)
  if (!STACKS.includes(stacks)) fail(`stacks are 'all', 'user' or 'kernel', not ${JSON.stringify(stacks)}`)
  if (mode === 'off-cpu' && (frequency !== undefined || event !== undefined))
    fail("mode 'off-cpu' sees every wait: it takes neither frequency nor event")
  if (signal !== undefined && !(signal instanceof AbortSignal)) fail('signal is not an AbortSignal')
  if (onProgress !== undefined && typeof onProgress !== 'function') fail('onProgress is not a function')
  if (duration === undefined && signal === undefined) fail('give a duration, or a signal that ends it')
  const number = (name: string, value: number | undefined, most: number): void => {
    if (value === undefined || (Number.isFinite(value) && value > 0 && value <= most)) return
    throw new RangeError(`Cannot profile: ${name} ${value} is not a number up to ${most}`)
  }
  number('duration', duration, MAX_SECONDS)
  number('frequency', frequency, 2 ** 31 - 1)
  if (frequency !== undefined && !Number.isInteger(frequency))
    throw new RangeError(`Cannot profile: frequency ${frequency} is not an integer`)
  if (pid !== undefined) requireProcess(pid)
  return {
    pid,
    mode,
    frequency: frequency ?? DEFAULT_FREQUENCY,
    event: typeof event === 'string' ? { event } : (event ?? { event: 'cpu-clock' }),
    stacks,
    duration,
    signal,
    onProgress,
    demangle,
  }
}

/** Not 100, which may run in step with timers. */
const DEFAULT_FREQUENCY = 99

/** Samples have the id of their process: a thread would have none. */
function requireProcess(pid: number): void {
  if (!(Number.isInteger(pid) && pid > 0 && pid < 2 ** 31))
    throw new RangeError(`Cannot profile: ${pid} is not the id of a process`)
  const process = /^Tgid:\t(\d+)$/m.exec(readText(`/proc/${pid}/status`) ?? '')?.[1]
  if (process !== undefined && Number(process) !== pid)
    throw new RangeError(`Cannot profile: ${pid} is a thread of process ${process}: give that`)
}
