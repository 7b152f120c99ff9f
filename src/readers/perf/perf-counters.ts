/**
 * Counters of CPUs that programs read by `bpf_perf_event_read_value`: perf events in a perf event array.
 *
 * Source: kernel/trace/bpf_trace.c `bpf_perf_event_read_value`; kernel/events/core.c `perf_event_read_local`.
 *
 * @module
 */

import { BpfError, closedError, withAction } from '../../base/errors.ts'
import { onlineCpus, possibleCpus } from '../../kernel/cpus.ts'
import { fieldsOf, type PerfEventSelection, selectEvent } from '../../kernel/perf/event-attributes.ts'
import {
  type PerfCount,
  PerfEvent,
  type PerfEventFields,
  readableCount,
} from '../../kernel/perf/perf-event.ts'
import { Claims, requireMapType } from '../claim.ts'
import type { ReaderMap } from '../record-origin.ts'
import { PerfEntries } from './perf-entries.ts'

/** What to count, and where. */
export interface PerfCountersOptions extends PerfEventSelection {
  /** Only while this thread runs. Default: all. */
  pid?: number
  /** CPUs; those of them that are offline follow when they come online. Default: all, in the same way. */
  cpu?: number | readonly number[]
}

/** What a CPU has counted. */
export interface CpuCount extends PerfCount {
  readonly cpu: number
}

/** Milliseconds between two looks for CPUs. */
const INTERVAL = 1000

const NOTHING: PerfCount = { value: 0n, timeEnabled: 0n, timeRunning: 0n }

/**
 * Counters in a map of type `'perf_event_array'`, one for each CPU, whose entry has its number: programs read that of their own CPU
 * by `bpf_perf_event_read` (Linux 4.3) and `bpf_perf_event_read_value` (Linux 4.15). They can be read here too. Where more
 * events are open than the CPU has counters, they take turns: `timeRunning` is less than `timeEnabled` then.
 *
 * It looks once a second for CPUs that came online or went offline, and keeps no process alive.
 *
 * @example
 * using counters = PerfCounters.open(map, { event: 'cycles' })
 * for (const { cpu, value } of counters.read()) console.log(cpu, value)
 */
export class PerfCounters implements Disposable {
  /** Name of the event. */
  readonly event: string
  readonly #fields: PerfEventFields
  readonly #pid: number | undefined
  readonly #cpus: readonly number[] | undefined
  readonly #entries: PerfEntries
  readonly #claims: Claims
  readonly #open = new Map<number, PerfEvent>()
  /** What the CPUs have counted that went offline. */
  readonly #ended = new Map<number, PerfCount>()
  readonly #timer: NodeJS.Timeout
  #problem: BpfError | RangeError | undefined

  /**
   * Opens counters. The map may be closed afterwards. On failure nothing stays open.
   *
   * @throws TypeError when the map is of another type, or the options do not name an event
   * @throws RangeError when no event has the name, the map has no entry for a CPU, or a number is out of range
   * @throws BpfError `ERR_BUSY` when a reader of this thread has the map; `ERR_NOT_A_MAP` for another descriptor; `ENOENT` when
   *   this machine does not have the event; `ESRCH` when the thread does not exist; when the kernel refuses otherwise
   */
  static open(map: ReaderMap, options: PerfCountersOptions): PerfCounters {
    return new PerfCounters(map, options)
  }

  private constructor(map: ReaderMap, options: PerfCountersOptions) {
    const { pid, cpu } = options
    const event = selectEvent(options)
    if (pid !== undefined && !(Number.isInteger(pid) && pid > 0 && pid < 2 ** 31))
      throw new RangeError(`Cannot open counters: ${pid} is not the id of a thread`)
    const cpus = cpu === undefined ? undefined : typeof cpu === 'number' ? [cpu] : [...new Set(cpu)]
    const missing = cpus?.find(each => !possibleCpus().includes(each))
    if (missing !== undefined) throw new RangeError(`Cannot open counters: CPU ${missing} does not exist`)
    if (cpus?.length === 0) throw new RangeError('Cannot open counters: no CPU was given')
    this.event = event.name
    this.#fields = [...fieldsOf(event), readableCount]
    this.#pid = pid
    this.#cpus = cpus
    this.#claims = new Claims(this)
    // The descriptor last, and nothing of the caller's after it: a getter may close the map.
    const { name } = map
    const { fd } = map
    const facts = requireMapType(fd, name, 'perf_event_array')
    try {
      this.#claims.add(facts.id)
      this.#entries = new PerfEntries(fd, facts, name, this.#wanted())
    } catch (error) {
      this.#claims.release()
      throw error instanceof BpfError ? withAction(error, `Cannot open counters in map ${name}`) : error
    }
    this.#timer = setInterval(() => this.#tick(), INTERVAL).unref()
    try {
      this.refresh()
    } catch (error) {
      this.close()
      throw error
    }
  }

  /** Numbers of the CPUs that count now, ascending. */
  get cpus(): number[] {
    return [...this.#open.keys()].sort((a, b) => a - b)
  }

  /** Why the last look for CPUs failed; `undefined` when it did not. The next one is a second later. */
  get problem(): BpfError | RangeError | undefined {
    return this.#problem
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#entries.closed
  }

  /**
   * What each CPU has counted since it was opened, in the order of their numbers; also CPUs that are offline by now.
   *
   * @throws BpfError `ERR_CLOSED`, or when the kernel refuses
   */
  read(): CpuCount[] {
    this.#requireOpen()
    const cpus = [...new Set([...this.#ended.keys(), ...this.#open.keys()])].sort((a, b) => a - b)
    return cpus.map(cpu => ({
      cpu,
      ...sum(this.#ended.get(cpu) ?? NOTHING, this.#open.get(cpu)?.read() ?? NOTHING),
    }))
  }

  /**
   * Looks for CPUs that came online or went offline.
   *
   * @throws RangeError when the map has no entry for a CPU that came
   * @throws BpfError `ERR_CLOSED`, or when the kernel refuses
   */
  refresh(): void {
    this.#requireOpen()
    const wanted = this.#wanted()
    this.#entries.check(wanted)
    for (const [cpu, event] of this.#open)
      if (!wanted.includes(cpu) || !this.#goesOn(event)) this.#end(cpu, event)
    for (const cpu of wanted) if (!this.#open.has(cpu)) this.#start(cpu)
    this.#problem = undefined
  }

  #wanted(): readonly number[] {
    const online = onlineCpus()
    return this.#cpus === undefined ? online : this.#cpus.filter(each => online.includes(each))
  }

  /** The time of an event of a thread stands still while the thread does not run there. It goes with the thread, not the CPU. */
  #goesOn(event: PerfEvent): boolean {
    return this.#pid !== undefined || event.goesOn()
  }

  #start(cpu: number): void {
    let event: PerfEvent
    try {
      event = PerfEvent.open(`perf event ${this.event}`, this.#fields, { cpu, pid: this.#pid ?? -1 })
    } catch (error) {
      // It went offline after the list was read.
      if (error instanceof BpfError && error.code === 'ENODEV' && !onlineCpus().includes(cpu)) return
      throw error
    }
    try {
      this.#entries.set(cpu, event.fd)
    } catch (error) {
      event.close()
      throw error
    }
    this.#open.set(cpu, event)
  }

  #end(cpu: number, event: PerfEvent): void {
    try {
      this.#ended.set(cpu, sum(this.#ended.get(cpu) ?? NOTHING, event.read()))
      this.#entries.clear(cpu)
    } finally {
      this.#open.delete(cpu)
      event.close()
    }
  }

  #tick(): void {
    try {
      this.refresh()
    } catch (error) {
      if (!(error instanceof BpfError || error instanceof RangeError)) throw error
      this.#problem = error
    }
  }

  #requireOpen(): void {
    if (this.closed) throw closedError('Counters')
  }

  /** Takes the counters out of the map and closes them. Idempotent. */
  close(): void {
    if (this.closed) return
    clearInterval(this.#timer)
    this.#claims.release()
    for (const [cpu, event] of this.#open) {
      this.#entries.clear(cpu)
      event.close()
    }
    this.#open.clear()
    this.#entries.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function sum(a: PerfCount, b: PerfCount): PerfCount {
  return {
    value: a.value + b.value,
    timeEnabled: a.timeEnabled + b.timeEnabled,
    timeRunning: a.timeRunning + b.timeRunning,
  }
}
