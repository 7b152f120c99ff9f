/**
 * Perf events: what `perf_event_open` returns. A tracepoint, kprobe or uprobe becomes one before a program can be
 * attached to it; a perf buffer reads one for each CPU.
 *
 * Source: include/uapi/linux/perf_event.h; kernel/events/core.c `perf_event_open`.
 *
 * @module
 */

import { perfSoftwareEvents, perfTypes } from '../../abi/generated/enums.ts'
import { perfEventAttr } from '../../abi/generated/layouts.ts'
import {
  PERF_EVENT_IOC_DISABLE,
  PERF_EVENT_IOC_ENABLE,
  PERF_EVENT_IOC_PAUSE_OUTPUT,
  PERF_FLAG_FD_CLOEXEC,
  PERF_FLAG_PID_CGROUP,
  PERF_FORMAT_TIMES,
} from '../../abi/linux.ts'
import { ESRCH } from '../../base/errno.ts'
import { withReason } from '../../base/errors.ts'
import { syscallEntry } from '../../syscalls/entry.ts'
import { OwnedFd } from '../../syscalls/fd.ts'
import { allocate, type NativeMemory } from '../../syscalls/memory.ts'
import { nr } from '../../syscalls/numbers.ts'
import { ioctl, perfEventOpen } from '../../syscalls/perf.ts'
import { failure } from '../failure.ts'
import { traceEventId } from '../tracefs.ts'

/** Fields of `struct perf_event_attr` to set: offset in the struct and value, 64 bits wide if it is a `bigint`. */
export type PerfEventFields = readonly (readonly [offset: number, value: number | bigint])[]

/** The bits of `struct perf_event_attr` lie in one word of 64, at this offset. */
export const FLAGS: number = perfEventAttr.$bits.disabled / 8

/** That word, from the names of its bits. */
export function attrFlags(flags: Partial<Record<PerfEventFlag, boolean>>): bigint {
  let word = 0n
  for (const [name, set] of Object.entries(flags) as [PerfEventFlag, boolean][]) {
    if (set) word |= 1n << BigInt(perfEventAttr.$bits[name] - perfEventAttr.$bits.disabled)
  }
  return word
}

/** A bit of that word. */
export type PerfEventFlag = Exclude<keyof typeof perfEventAttr.$bits, 'precise_ip'>

/** Where an event counts. */
export interface PerfEventScope {
  /** Process or thread; -1 for all. Default: -1. */
  pid?: number
  /** Descriptor of the directory of a control group, whose processes count; instead of `pid`. */
  cgroup?: number
  /** CPU; -1 for all, which needs a process. One CPU stands for all where the event is a trace event. Default: 0. */
  cpu?: number
}

/** What a perf event has counted. */
export interface PerfCount {
  readonly value: bigint
  /** Nanoseconds for which it was enabled. */
  readonly timeEnabled: bigint
  /** Nanoseconds for which it counted: less where events share a counter of the CPU. */
  readonly timeRunning: bigint
}

/** The field that {@link PerfEvent.read} needs. */
export const readableCount: PerfEventFields[number] = [perfEventAttr.read_format, BigInt(PERF_FORMAT_TIMES)]

/** The fields of an event that counts nothing, but has a time. */
export const NO_EVENT: PerfEventFields = [
  [perfEventAttr.type, perfTypes.software],
  [perfEventAttr.config, BigInt(perfSoftwareEvents.dummy)],
  readableCount,
]

/** An open perf event. It counts from the start, unless its attributes disable it. */
export class PerfEvent implements Disposable {
  readonly #fd: OwnedFd
  readonly #what: string

  private constructor(fd: OwnedFd, what: string) {
    this.#fd = fd
    this.#what = what
  }

  /**
   * Opens an event.
   *
   * @param what names the event in errors: `'kprobe vfs_read'`
   * @param _pointees memory that fields point to: this reference keeps it until the kernel has read it
   * @throws BpfError when the kernel refuses
   */
  static open(
    what: string,
    fields: PerfEventFields,
    { pid = -1, cpu = 0, cgroup }: PerfEventScope = {},
    _pointees: readonly NativeMemory[] = [],
  ): PerfEvent {
    const attr = allocate(perfEventAttr.$size)
    attr.view.setUint32(perfEventAttr.size, perfEventAttr.$size, true)
    for (const [offset, value] of fields) {
      // Several fields may set bits of one word.
      if (typeof value === 'bigint')
        attr.view.setBigUint64(offset, attr.view.getBigUint64(offset, true) | value, true)
      else attr.view.setUint32(offset, value, true)
    }
    const flags = cgroup === undefined ? PERF_FLAG_FD_CLOEXEC : PERF_FLAG_FD_CLOEXEC | PERF_FLAG_PID_CGROUP
    const result = perfEventOpen(attr.bytes, cgroup ?? pid, cpu, -1, flags)
    if (result < 0) {
      const error = failure(`Cannot open ${what}`, result, 'perf_event_open')
      throw result === -ESRCH ? withReason(error, `no process or thread has number ${pid}`) : error
    }
    return new PerfEvent(OwnedFd.adopt(result, what), what)
  }

  /**
   * Opens a trace event of tracefs, such as a tracepoint, which fires at each hit.
   *
   * @param what names the event in errors
   * @param group such as `'sched'`
   * @param name such as `'sched_switch'`
   * @throws TypeError when a name is not an identifier
   * @throws BpfError with code `ENOENT` when the kernel has no such event, or tracefs is not mounted
   */
  static openTraceEvent(what: string, group: string, name: string, scope: PerfEventScope = {}): PerfEvent {
    const fields: PerfEventFields = [
      [perfEventAttr.type, perfTypes.tracepoint],
      [perfEventAttr.config, BigInt(traceEventId(group, name))],
      [perfEventAttr.sample_period, 1n],
      [perfEventAttr.wakeup_events, 1],
    ]
    return PerfEvent.open(what, fields, scope)
  }

  /** The event's descriptor. Throws `ERR_CLOSED` once closed. */
  get fd(): number {
    return this.#fd.fd
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#fd.closed
  }

  /**
   * Lets the event count.
   *
   * @throws BpfError when the kernel refuses
   */
  enable(): void {
    this.#control('enable', PERF_EVENT_IOC_ENABLE)
  }

  /**
   * Stops the event from counting, until it is enabled again.
   *
   * @throws BpfError when the kernel refuses
   */
  disable(): void {
    this.#control('disable', PERF_EVENT_IOC_DISABLE)
  }

  /**
   * Stops the event from writing to its ring, or lets it write again. Since Linux 4.7.
   *
   * @throws BpfError when the kernel refuses
   */
  pauseOutput(paused: boolean): void {
    const result = ioctl(this.fd, PERF_EVENT_IOC_PAUSE_OUTPUT, Number(paused))
    if (result >= 0) return
    throw failure(
      `Cannot ${paused ? 'pause' : 'resume'} ${this.#what}`,
      result,
      'ioctl(PERF_EVENT_IOC_PAUSE_OUTPUT)',
    )
  }

  /**
   * What the event has counted. It was opened with {@link readableCount}.
   *
   * @throws BpfError when the kernel refuses
   */
  read(): PerfCount {
    const { bytes, view, address } = allocate(24)
    const result = syscallEntry().syscall(nr.read, this.fd, address, bytes.length)
    if (result < 0) throw failure(`Cannot read ${this.#what}`, result, 'read')
    // An event in error reads as nothing.
    return {
      value: view.getBigUint64(0, true),
      timeEnabled: view.getBigUint64(8, true),
      timeRunning: view.getBigUint64(16, true),
    }
  }

  /**
   * Whether the event's time goes on: when its CPU goes offline it stops for good, also when the CPU comes back. It was opened
   * with {@link readableCount}.
   *
   * @throws BpfError when the kernel refuses
   */
  goesOn(): boolean {
    const { timeEnabled } = this.read()
    return this.read().timeEnabled > timeEnabled
  }

  #control(action: 'enable' | 'disable', request: number): void {
    const result = ioctl(this.fd, request, 0)
    if (result >= 0) return
    throw failure(`Cannot ${action} ${this.#what}`, result, `ioctl(PERF_EVENT_IOC_${action.toUpperCase()})`)
  }

  /** Closes the event, which ends it. Idempotent. */
  close(): void {
    this.#fd.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
