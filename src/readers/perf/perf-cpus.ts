/**
 * The rings of one perf event array: for each CPU a perf event, its memory, and the entry of the map by which programs
 * find it.
 *
 * Source: libbpf `perf_buffer__open_cpu_buf`; kernel/events/ring_buffer.c `perf_mmap`.
 *
 * @module
 */

import { perfSampleFormats, perfSoftwareEvents, perfTypes } from '../../abi/generated/enums.ts'
import { perfEventAttr } from '../../abi/generated/layouts.ts'
import { EPERM } from '../../base/errno.ts'
import { BpfError, withReason } from '../../base/errors.ts'
import { onlineCpus } from '../../kernel/cpus.ts'
import {
  attrFlags,
  FLAGS,
  PerfEvent,
  type PerfEventFields,
  readableCount,
} from '../../kernel/perf/perf-event.ts'
import { readText } from '../../kernel/read-text.ts'
import { pageSize, SharedMapping } from '../../syscalls/mmap.ts'
import type { RecordOrigin } from '../record.ts'
import { PerfBackwardRing } from './perf-backward-ring.ts'
import { PerfEntries } from './perf-entries.ts'
import { type LostCallback, PerfRing } from './perf-ring.ts'

/** How the rings are made. */
export interface PerfRingOptions {
  /** Pages of each ring's data, a power of two. */
  readonly pages: number
  readonly wakeupEvents: number
  /** Bytes; goes before `wakeupEvents`. */
  readonly watermark: number | undefined
  readonly overwritable: boolean
  /** The CPUs to read; `undefined` for all, those that come online later too. */
  readonly cpus: readonly number[] | undefined
  readonly onLost: LostCallback | undefined
}

/** One CPU's event, memory and ring. */
export class PerfCpu<T> {
  readonly ring: PerfRing<T> | PerfBackwardRing<T>
  readonly event: PerfEvent
  #mapping: SharedMapping | undefined

  /** @throws BpfError when the kernel refuses: `ENODEV` when the CPU is offline */
  constructor(cpu: number, origin: RecordOrigin<T>, options: PerfRingOptions) {
    const event = PerfEvent.open(`a perf event of CPU ${cpu}`, fieldsOf(options), { cpu })
    this.event = event
    try {
      const page = pageSize()
      const size = options.pages * page
      const access = options.overwritable ? 'read' : 'read_write'
      const mapping = map(event.fd, page + size, access)
      this.#mapping = mapping
      const memory = { buffer: mapping.buffer, pageSize: page, size }
      this.ring = options.overwritable
        ? new PerfBackwardRing(memory, origin, cpu)
        : new PerfRing(memory, origin, cpu, options.onLost)
    } catch (error) {
      event.close()
      this.#mapping?.close()
      throw error
    }
  }

  /** Ends the ring. Idempotent. */
  close(): void {
    this.ring.close()
    this.event.close()
    this.#mapping?.close()
  }
}

function fieldsOf({ wakeupEvents, watermark, overwritable }: PerfRingOptions): PerfEventFields {
  const flags = attrFlags({ watermark: watermark !== undefined, write_backward: overwritable })
  return [
    [perfEventAttr.type, perfTypes.software],
    [perfEventAttr.config, BigInt(perfSoftwareEvents.bpf_output)],
    [perfEventAttr.sample_period, 1n],
    [perfEventAttr.sample_type, BigInt(perfSampleFormats.raw)],
    readableCount,
    [perfEventAttr.wakeup_events, watermark ?? wakeupEvents],
    [FLAGS, flags],
  ]
}

function map(fd: number, length: number, access: 'read' | 'read_write'): SharedMapping {
  try {
    return SharedMapping.create(length, [{ offset: 0, length, access, fd, fileOffset: 0 }])
  } catch (error) {
    if (!(error instanceof BpfError) || error.errno !== EPERM) throw error
    throw withReason(error, lockedMemory())
  }
}

/** What bounds the memory of perf events for whoever lacks CAP_IPC_LOCK. Source: kernel/events/core.c `perf_mmap`. */
function lockedMemory(): string {
  const path = '/proc/sys/kernel/perf_event_mlock_kb'
  const limit = readText(path)?.trim()
  return limit === undefined
    ? `without CAP_IPC_LOCK the memory of rings is limited, and ${path} cannot be read`
    : `without CAP_IPC_LOCK a user has ${limit} KiB on each CPU for rings (${path}), and RLIMIT_MEMLOCK beyond`
}

/** The rings of one map. */
export class PerfCpus<T> {
  readonly origin: RecordOrigin<T>
  readonly #options: PerfRingOptions
  readonly #entries: PerfEntries
  readonly #open = new Map<number, PerfCpu<T>>()

  /**
   * Opens no ring yet.
   *
   * @param fd of the map; it stays the caller's
   * @throws RangeError when the map has no entry for a CPU
   */
  constructor(
    fd: number,
    facts: { id: number; maxEntries: number },
    origin: RecordOrigin<T>,
    options: PerfRingOptions,
  ) {
    this.origin = origin
    this.#options = options
    this.#entries = new PerfEntries(fd, facts, origin.name, this.#wanted())
  }

  /** CPUs that have a ring, ascending. */
  get cpus(): number[] {
    return [...this.#open.keys()].sort((a, b) => a - b)
  }

  /** The open rings. */
  get open(): Iterable<PerfCpu<T>> {
    return this.#open.values()
  }

  /**
   * Opens rings for CPUs that are online and have none, and takes those of CPUs that went offline out of the map: the
   * kernel does not write to them again, not even when the CPU has come back since.
   *
   * @param onOpened gets each ring before it is put into the map; when it throws, the ring is closed
   * @param onEnded gets each ring that has ended and may still have records
   * @throws RangeError when the map has no entry for a CPU
   * @throws BpfError when the kernel refuses; what was opened and ended by then stays so
   */
  refresh(onOpened: (ring: PerfCpu<T>) => void, onEnded: (ring: PerfCpu<T>) => void): void {
    const wanted = this.#wanted()
    this.#entries.check(wanted)
    for (const [cpu, ring] of this.#open) {
      if (wanted.includes(cpu) && ring.event.goesOn()) continue
      this.#entries.clear(cpu)
      this.#open.delete(cpu)
      onEnded(ring)
    }
    for (const cpu of wanted) if (!this.#open.has(cpu)) this.#openCpu(cpu, onOpened, onEnded)
  }

  /** The CPUs to read that are online. */
  #wanted(): readonly number[] {
    const online = onlineCpus()
    const { cpus } = this.#options
    return cpus === undefined ? online : cpus.filter(each => online.includes(each))
  }

  #openCpu(cpu: number, onOpened: (ring: PerfCpu<T>) => void, onEnded: (ring: PerfCpu<T>) => void): void {
    const ring = this.#makeRing(cpu)
    if (ring === undefined) return
    try {
      onOpened(ring)
    } catch (error) {
      ring.close()
      throw error
    }
    try {
      this.#entries.set(cpu, ring.event.fd)
    } catch (error) {
      onEnded(ring)
      throw error
    }
    this.#open.set(cpu, ring)
  }

  /** `undefined` when the CPU went offline after the list was read. */
  #makeRing(cpu: number): PerfCpu<T> | undefined {
    try {
      return new PerfCpu(cpu, this.origin, this.#options)
    } catch (error) {
      if (error instanceof BpfError && error.code === 'ENODEV') return undefined
      throw error
    }
  }

  /** Takes all rings out of the map and ends them. Idempotent. */
  close(): void {
    if (this.#entries.closed) return
    for (const cpu of this.#open.keys()) this.#entries.clear(cpu)
    this.#entries.close()
    const errors: unknown[] = []
    for (const ring of this.#open.values()) {
      try {
        ring.close()
      } catch (error) {
        errors.push(error)
      }
    }
    this.#open.clear()
    if (errors.length > 0) throw errors[0]
  }
}
