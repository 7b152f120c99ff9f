/**
 * Arenas: memory that programs and a process share at the same addresses, up to 4 GiB of it (Linux 6.9). Pages come to be
 * where they are first touched.
 *
 * The kernel gives an arena its addresses when it is mapped for the first time, and programs that use it cannot be
 * loaded before; so it is mapped when it is created, until its handle is closed.
 *
 * Source: kernel/bpf/arena.c `arena_map_alloc`, `arena_map_mmap`; libbpf `bpf_object__create_maps`.
 *
 * @module
 */

import { BpfError, withAction } from '../../base/errors.ts'
import { MappedRange } from '../../syscalls/mapped-range.ts'
import { pageSize } from '../../syscalls/mmap.ts'
import { describeMap } from '../describe.ts'
import type { MapHandle } from '../handle.ts'

/** The memory of an arena. Nothing keeps programs from writing while it is read. */
export class ArenaMemory {
  readonly #range: MappedRange

  /** @internal */
  constructor(range: MappedRange) {
    this.#range = range
  }

  /** Address of its first byte: pointers into the arena, in the memory of programs too, count from here. */
  get address(): bigint {
    return BigInt(this.#range.address)
  }

  /** Bytes. */
  get size(): number {
    return this.#range.length
  }

  /**
   * Copies bytes out.
   *
   * @param offset from its start
   * @throws RangeError when they are not within the arena
   * @throws BpfError `ERR_CLOSED` once the map is closed; `EIO` where a page is missing and the arena was created with
   *   `BPF_F_SEGV_ON_FAULT`
   */
  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    return this.#range.read(offset, length)
  }

  /** Copies bytes in, to an offset from its start. Throws as `read` does. */
  write(offset: number, bytes: Uint8Array): void {
    this.#range.write(offset, bytes)
  }
}

const memories = new WeakMap<MapHandle, ArenaMemory>()

/**
 * The memory of an arena that was created through this handle, or one that it is a clone of.
 *
 * @throws TypeError when the map is not an arena
 * @throws BpfError `ERR_NOT_MAPPED` when the arena was opened by id, descriptor or pin: its addresses are not known then
 */
export function arenaMemory(handle: MapHandle): ArenaMemory {
  const memory = memories.get(handle)
  if (memory !== undefined) return memory
  const action = `Cannot reach the memory of ${describeMap(handle.facts)}`
  if (handle.mapKind.capacity !== 'pages')
    throw new TypeError(`${action}: it is of type ${handle.facts.type}`)
  throw new BpfError(`${action}: only the handle that created it knows its addresses`, {
    code: 'ERR_NOT_MAPPED',
  })
}

/** Lets another handle of the same arena reach its memory, for as long as the first one is open. */
export function shareArena(from: MapHandle, to: MapHandle): void {
  const memory = memories.get(from)
  if (memory !== undefined) memories.set(to, memory)
}

/**
 * Maps a new arena, and puts initial bytes at its start.
 *
 * @throws RangeError when the bytes are more than the arena has
 * @throws BpfError when the kernel refuses: `EEXIST` when something lies at the address that `mapExtra` asks for
 */
export function mapArena(handle: MapHandle, initial: Uint8Array | undefined, address: bigint): void {
  const { facts } = handle
  const action = `Cannot create ${describeMap(facts)}`
  const size = facts.maxEntries * pageSize()
  if (initial !== undefined && initial.length > size)
    throw new RangeError(`${action}: its ${initial.length} bytes of variables are more than its ${size}`)
  let range: MappedRange
  try {
    range = MappedRange.map(handle.fd.fd, size, address === 0n ? undefined : Number(address))
  } catch (error) {
    throw error instanceof BpfError ? withAction(error, action) : error
  }
  handle.onClose(() => range.close())
  const memory = new ArenaMemory(range)
  memories.set(handle, memory)
  if (initial !== undefined) memory.write(0, initial)
}
