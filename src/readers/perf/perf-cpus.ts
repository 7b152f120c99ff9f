/**
 * The rings of one perf event array: for each CPU a perf event, its memory, and the entry of the map by which programs
 * find it.
 *
 * Source: libbpf `perf_buffer__open_cpu_buf`; kernel/events/ring_buffer.c `perf_mmap`; kernel/bpf/arraymap.c
 * `perf_event_fd_array_get_ptr`, `perf_event_fd_array_release`.
 *
 * @module
 */

import { perfSampleFormats, perfSoftwareEvents, perfTypes } from '../../abi/generated/enums.ts'
import { perfEventAttr } from '../../abi/generated/layouts.ts'
import { EPERM } from '../../base/errno.ts'
import { BpfError, withReason } from '../../base/errors.ts'
import { nrCpuIds, onlineCpus } from '../../kernel/cpus.ts'
import { failure } from '../../kernel/failure.ts'
import {
  attrFlags,
  FLAGS,
  PerfEvent,
  type PerfEventFields,
  readableCount,
} from '../../kernel/perf/perf-event.ts'
import { readText } from '../../kernel/read-text.ts'
import { bpf } from '../../syscalls/bpf.ts'
import { OwnedFd } from '../../syscalls/fd.ts'
import { allocate } from '../../syscalls/memory.ts'
import { pageSize, SharedMapping } from '../../syscalls/mmap.ts'
import type { RecordOrigin } from '../record.ts'
import { PerfBackwardRing } from './perf-backward-ring.ts'
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
  readonly #map: OwnedFd
  readonly #maxEntries: number
  readonly #open = new Map<number, PerfCpu<T>>()

  /**
   * Opens no ring yet.
   *
   * @param fd of the map; it stays the caller's
   * @throws RangeError when the map has no entry for a CPU
   */
  constructor(
    fd: number,
    { id, maxEntries }: { id: number; maxEntries: number },
    origin: RecordOrigin<T>,
    options: PerfRingOptions,
  ) {
    this.origin = origin
    this.#options = options
    this.#maxEntries = maxEntries
    this.#checkEntries(this.#wanted())
    this.#map = ownFile(fd, id, origin.name)
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
    this.#checkEntries(wanted)
    for (const [cpu, ring] of this.#open) {
      if (wanted.includes(cpu) && ring.event.goesOn()) continue
      this.#clear(cpu)
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

  #checkEntries(cpus: readonly number[]): void {
    const without = cpus.find(each => each >= this.#maxEntries)
    if (without === undefined) return
    throw new RangeError(
      `Cannot read map ${this.origin.name}: it has ${this.#maxEntries} entries, and none for CPU ${without}; give it ${nrCpuIds()}, or say which CPUs to read`,
    )
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
    const result = this.#update('map_update_elem', cpu, ring.event.fd)
    if (result < 0) {
      onEnded(ring)
      const what = `Cannot put CPU ${cpu} into map ${this.origin.name}`
      throw failure(what, result, 'bpf(BPF_MAP_UPDATE_ELEM)')
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

  /** An entry that is not there has been taken out by others. */
  #clear(cpu: number): void {
    this.#update('map_delete_elem', cpu)
  }

  #update(command: 'map_update_elem' | 'map_delete_elem', cpu: number, event?: number): number {
    const memory = allocate(8)
    memory.view.setUint32(0, cpu, true)
    memory.view.setUint32(4, event ?? 0, true)
    const [key, value] = [memory.bytes.subarray(0, 4), memory.bytes.subarray(4)]
    return bpf(command, { map_fd: this.#map.fd, key, ...(event === undefined ? {} : { value }) })
  }

  /** Takes all rings out of the map and ends them. Idempotent. */
  close(): void {
    if (this.#map.closed) return
    for (const cpu of this.#open.keys()) this.#clear(cpu)
    this.#map.close()
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

/**
 * A descriptor of the map with a file of its own: the kernel empties the entries that were made through a file when that is
 * closed, also for a thread or a process that ends without closing anything. Who may not open maps by id gets a
 * duplicate, whose file is the caller's.
 */
function ownFile(fd: number, id: number, name: string): OwnedFd {
  const result = bpf('map_get_fd_by_id', { map_id: id })
  return result < 0 ? OwnedFd.copyOf(fd, `map ${name}`) : OwnedFd.adopt(result, `map ${name}`)
}
