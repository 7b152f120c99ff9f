/**
 * The links of one program to an event on several CPUs, held as one.
 *
 * @module
 */

import { BpfError, closedError } from '../../../base/errors.ts'
import { onlineCpus } from '../../../kernel/cpus.ts'
import type { PerfEventAttributes } from '../../../kernel/perf/event-name.ts'
import { NO_EVENT, PerfEvent, type PerfEventFields } from '../../../kernel/perf/perf-event.ts'
import type { OwnedFd } from '../../../syscalls/fd.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { LinkGroup } from '../../link-group.ts'
import { attachPerfEvent } from './attach.ts'
import { explainEvent } from './explain-event.ts'

/** What is to be opened, and where. */
export interface EventPlan {
  /** Names the attachment in errors. */
  readonly what: string
  readonly event: PerfEventAttributes
  readonly fields: PerfEventFields
  readonly frequency: number | undefined
  /** `undefined` for all, those that come online later too. */
  readonly cpus: readonly number[] | undefined
  /** `undefined` for all. */
  readonly threads: readonly number[] | undefined
  readonly cookie: bigint | undefined
}

/** Milliseconds between two looks for CPUs. */
const INTERVAL = 1000

/** What is attached on one CPU. */
interface OnCpu {
  readonly link: Link
  /**
   * An event of its own, whose time goes on as long as the CPU stays online. That of the link may stand still: of events of a
   * control group it does while none of its processes runs there.
   */
  readonly witness: PerfEvent
}

/**
 * The links of a program to a perf event: one for each CPU, or for each thread of a process. While it is open, it looks once a
 * second for CPUs that came online or went offline. It keeps no process alive.
 */
export class PerfEventGroup extends LinkGroup {
  /** Name of the event. */
  readonly event: string
  readonly #plan: EventPlan
  /** CPUs that come later need the program, which the caller may have closed by then. */
  readonly #program: ProgramHandle
  readonly #programFd: OwnedFd
  readonly #cgroup: OwnedFd | undefined
  readonly #byCpu = new Map<number, OnCpu>()
  readonly #links: Link[]
  readonly #timer: NodeJS.Timeout | undefined
  #problem: BpfError | undefined

  /**
   * Attaches the program. On failure nothing stays attached.
   *
   * @param program its name and what it was loaded from, read before there was a descriptor
   * @param programFd of the program; the group owns it from then on
   * @param cgroup the same
   *
   * @internal
   */
  constructor(
    program: Pick<ProgramHandle, 'name' | 'spec'>,
    programFd: OwnedFd,
    plan: EventPlan,
    cgroup: OwnedFd | undefined,
  ) {
    const links: Link[] = []
    super(links)
    this.#links = links
    this.event = plan.event.name
    this.#plan = plan
    this.#programFd = programFd
    this.#program = { ...program, fd: programFd.fd }
    this.#cgroup = cgroup
    try {
      if (plan.threads === undefined) this.refresh()
      else this.#startThreads(plan.threads)
    } catch (error) {
      this.close()
      throw error
    }
    if (plan.threads === undefined) this.#timer = setInterval(() => this.#tick(), INTERVAL).unref()
  }

  /** Numbers of the CPUs that have a link of their own, ascending; empty when the links are those of threads. */
  get cpus(): number[] {
    return [...this.#byCpu.keys()].sort((a, b) => a - b)
  }

  /** Why the last look for CPUs failed; `undefined` when it did not. The next one is a second later. */
  get problem(): BpfError | undefined {
    return this.#problem
  }

  /**
   * Looks for CPUs that came online or went offline, which the group does by itself once a second. Threads need no look: their
   * links go with them.
   *
   * @throws BpfError `ERR_CLOSED`, or when the kernel refuses
   */
  refresh(): void {
    if (this.closed) throw closedError('Group of links')
    const { cpus, threads } = this.#plan
    if (threads !== undefined) return
    const online = onlineCpus()
    const wanted = cpus === undefined ? online : online.filter(each => cpus.includes(each))
    for (const [cpu, each] of this.#byCpu)
      if (!wanted.includes(cpu) || !each.witness.goesOn()) this.#end(cpu, each)
    for (const cpu of wanted) if (!this.#byCpu.has(cpu)) this.#start(cpu)
    this.#problem = undefined
  }

  #tick(): void {
    try {
      this.refresh()
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      this.#problem = error
    }
  }

  #start(cpu: number): void {
    let witness: PerfEvent | undefined
    try {
      witness = PerfEvent.open(`a perf event of CPU ${cpu}`, NO_EVENT, { cpu })
      const link = this.#attach(cpu, -1)
      this.#links.push(link)
      this.#byCpu.set(cpu, { link, witness })
    } catch (error) {
      witness?.close()
      // It went offline after the list was read.
      if (!(error instanceof BpfError && error.code === 'ENODEV' && !onlineCpus().includes(cpu))) throw error
    }
  }

  #end(cpu: number, { link, witness }: OnCpu): void {
    this.#byCpu.delete(cpu)
    this.#links.splice(this.#links.indexOf(link), 1)
    witness.close()
    link.close()
  }

  #startThreads(threads: readonly number[]): void {
    let gone: BpfError | undefined
    for (const thread of threads) {
      for (const cpu of this.#plan.cpus ?? [-1]) {
        try {
          this.#links.push(this.#attach(cpu, thread))
        } catch (error) {
          // It ended after the list was read.
          if (!(error instanceof BpfError && error.code === 'ESRCH')) throw error
          gone = error
        }
      }
    }
    if (this.#links.length === 0 && gone !== undefined) throw gone
  }

  #attach(cpu: number, pid: number): Link {
    const { what, event, fields, cookie, frequency } = this.#plan
    const cgroup = this.#cgroup?.fd
    let opened: PerfEvent
    try {
      opened = PerfEvent.open(`perf event ${event.name}`, fields, {
        pid,
        cpu,
        ...(cgroup !== undefined && { cgroup }),
      })
    } catch (error) {
      throw explainEvent(error, { event, frequency, cgroup, cpu })
    }
    const details = {
      type: 'event',
      eventType: event.type,
      config: event.config,
      cookie: cookie ?? 0n,
    } as const
    return attachPerfEvent(this.#program, opened, what, { cookie, hook: 'perf_event', details })
  }

  /** Closes all links. Idempotent. */
  override close(): void {
    clearInterval(this.#timer)
    try {
      super.close()
    } finally {
      for (const { witness } of this.#byCpu.values()) witness.close()
      this.#byCpu.clear()
      this.#programFd.close()
      this.#cgroup?.close()
    }
  }
}
