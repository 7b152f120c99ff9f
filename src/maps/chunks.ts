/**
 * Many elements per system call: what iteration and the batch operations share.
 *
 * Source: kernel/bpf/syscall.c `generic_map_lookup_batch`; kernel/bpf/hashtab.c `__htab_map_lookup_and_delete_batch`.
 *
 * @module
 */

import { EAGAIN, EINTR, EINVAL, ENOENT, ENOSPC, ENOTSUPP, EOPNOTSUPP } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { features } from '../kernel/probes/features.ts'
import { predates } from '../kernel/probes/probe.ts'
import { batchCount, mapBatch } from '../syscalls/elem.ts'
import { allocate, type NativeMemory } from '../syscalls/memory.ts'
import { describeMap } from './describe.ts'
import { type MapHandle, requireAttached } from './handle.ts'
import { mapError } from './map-error.ts'

/** Keys and values one behind the other; valid until the next chunk is asked for. */
export interface Chunk {
  readonly keys: NativeMemory
  readonly values: NativeMemory
  /** Elements in it. */
  readonly count: number
}

/** Which part of each value a batch is about: the whole of it, or in per-CPU maps that of one CPU. */
export interface Portion {
  /** Bytes from one value to the next. */
  readonly valueBytes: number
  /** Flags of the single elements. */
  readonly flags: number
  /** Number of the CPU that `BPF_F_CPU` among the flags is about. */
  readonly cpu: number
}

/** Whole values. */
export function whole({ valueBytes }: MapHandle, flags = 0): Portion {
  return { valueBytes, flags, cpu: 0 }
}

/** Bytes of keys and values that a chunk has by default: small enough to be in the cache when they are read. */
const CHUNK_BYTES = 1 << 16
/** How often in a row the kernel may ask to try again without progress. */
const MAX_RETRIES = 100

/**
 * Whether a result says that there is no batch command for maps of this type. `EINVAL` does where the command itself is
 * unknown, before Linux 5.6; a later kernel refuses something else by it.
 */
export function hasNoBatch(result: number): boolean {
  if (result === -EINVAL) return predates(features.mapBatch)
  return result === -ENOTSUPP || result === -EOPNOTSUPP
}

/** How many elements to ask for at once by default. */
export function defaultChunkSize({ facts }: MapHandle, { valueBytes }: Portion): number {
  const fit = Math.floor(CHUNK_BYTES / (facts.keySize + valueBytes))
  return Math.max(1, Math.min(facts.maxEntries, fit))
}

/** Memory for a number of elements. */
export function allocateChunk(
  { facts }: MapHandle,
  { valueBytes }: Portion,
  size: number,
): Omit<Chunk, 'count'> {
  return { keys: allocate(facts.keySize * size), values: allocate(valueBytes * size) }
}

/** The most steps an iteration by keys may take: room for one complete restart by concurrent changes. */
export function stepLimit(handle: MapHandle): number {
  return 2 * handle.facts.maxEntries
}

/** Iteration by keys starts over when a key vanishes; under constant change it would not end. */
export function iterationAborted(handle: MapHandle): BpfError {
  const { facts } = handle
  return new BpfError(
    `Cannot iterate ${describeMap(facts)} to the end: it changes too fast, after ${stepLimit(handle)} steps of at most ${facts.maxEntries} elements`,
    { code: 'ERR_ITERATION_ABORTED' },
  )
}

/**
 * Reads a map chunk by chunk with a lookup batch command (Linux 5.6).
 *
 * @param size elements per chunk; grows where a hash bucket has more
 * @returns (as the generator's result) `true` at the end; -errno when the kernel does not have the command for this map
 */
export function* chunks(
  handle: MapHandle,
  command: 'map_lookup_batch' | 'map_lookup_and_delete_batch',
  size: number,
  portion: Portion,
): Generator<Chunk, true | number> {
  const { facts, mapKind } = handle
  // The cursor is a key in generic batches, and the number of a hash bucket in those of hashes.
  const cursor = allocate(Math.max(4, facts.keySize))
  const limit = mapKind.batches === 'buckets' ? Number.POSITIVE_INFINITY : stepLimit(handle)
  let memory = allocateChunk(handle, portion, size)
  let started = false
  let steps = 0
  let retries = 0
  for (;;) {
    const { keys, values } = memory
    // The reader of the last chunk may have transferred them.
    requireAttached(keys.bytes.buffer, facts)
    requireAttached(values.bytes.buffer, facts)
    const from = started ? cursor.address : 0
    const result = mapBatch(
      command,
      handle.fd.fd,
      from,
      cursor.address,
      keys.address,
      values.address,
      size,
      portion.flags,
      portion.cpu,
    )
    if (!started && result < 0 && hasNoBatch(result)) return result
    const count = result === 0 || result === -ENOENT || result === -EINTR ? batchCount() : 0
    if (result === -ENOSPC) {
      // The next bucket has more elements than there is room for. The cursor stays where it was.
      size *= 2
      memory = allocateChunk(handle, portion, size)
      continue
    }
    if (result === -EINTR && count === 0 && ++retries <= MAX_RETRIES) continue
    if (result === -EAGAIN && command === 'map_lookup_and_delete_batch' && ++retries <= MAX_RETRIES) {
      // The cursor, a key of a resizable hash, is gone. What was read before is gone as well: begin anew.
      started = false
      continue
    }
    if (result < 0 && result !== -ENOENT && !(result === -EINTR && count > 0)) {
      throw mapError(facts, 'iterate', result, `BPF_${command.toUpperCase()}`)
    }
    if (count > 0) {
      steps += count
      if (steps > limit) throw iterationAborted(handle)
      started = true
      retries = 0
      yield { keys, values, count }
    }
    if (result === -ENOENT) return true
    started = true
  }
}
