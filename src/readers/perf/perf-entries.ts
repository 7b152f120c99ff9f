/**
 * The entries of a perf event array, by which programs find the events of their CPUs.
 *
 * Source: kernel/bpf/arraymap.c `perf_event_fd_array_get_ptr`, `perf_event_fd_array_release`.
 *
 * @module
 */

import { ENOENT } from '../../base/errno.ts'
import { nrCpuIds } from '../../kernel/cpus.ts'
import { failure } from '../../kernel/failure.ts'
import { bpf } from '../../syscalls/bpf.ts'
import { OwnedFd } from '../../syscalls/fd.ts'
import { allocate } from '../../syscalls/memory.ts'

/** A map whose entries are made here; they go when this is closed. */
export class PerfEntries {
  readonly #name: string
  readonly #maxEntries: number
  readonly #map: OwnedFd

  /**
   * @param fd of the map; it stays the caller's
   * @param name of the map
   * @param cpus that are to have entries
   * @throws RangeError when the map has no entry for one of them
   */
  constructor(
    fd: number,
    { id, maxEntries }: { id: number; maxEntries: number },
    name: string,
    cpus: readonly number[],
  ) {
    this.#name = name
    this.#maxEntries = maxEntries
    this.check(cpus)
    this.#map = ownFile(fd, id, name)
  }

  get closed(): boolean {
    return this.#map.closed
  }

  /** @throws RangeError when the map has no entry for a CPU */
  check(cpus: readonly number[]): void {
    const without = cpus.find(each => each >= this.#maxEntries)
    if (without === undefined) return
    throw new RangeError(
      `Cannot read map ${this.#name}: it has ${this.#maxEntries} entries, and none for CPU ${without}; give it ${nrCpuIds()}, or say which CPUs to read`,
    )
  }

  /** @throws BpfError when the kernel refuses */
  set(cpu: number, event: number): void {
    const result = this.#update('map_update_elem', cpu, event)
    if (result >= 0) return
    throw failure(`Cannot put CPU ${cpu} into map ${this.#name}`, result, 'bpf(BPF_MAP_UPDATE_ELEM)')
  }

  /**
   * Takes an entry out; one that is not there was taken out by others.
   *
   * @throws BpfError when the kernel refuses
   */
  clear(cpu: number): void {
    const result = this.#update('map_delete_elem', cpu)
    if (result >= 0 || result === -ENOENT) return
    throw failure(`Cannot take CPU ${cpu} out of map ${this.#name}`, result, 'bpf(BPF_MAP_DELETE_ELEM)')
  }

  #update(command: 'map_update_elem' | 'map_delete_elem', cpu: number, event?: number): number {
    const memory = allocate(8)
    memory.view.setUint32(0, cpu, true)
    memory.view.setUint32(4, event ?? 0, true)
    const [key, value] = [memory.bytes.subarray(0, 4), memory.bytes.subarray(4)]
    return bpf(command, { map_fd: this.#map.fd, key, ...(event === undefined ? {} : { value }) })
  }

  /** Idempotent. */
  close(): void {
    this.#map.close()
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
