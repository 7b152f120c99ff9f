/**
 * Batch operations (Linux 5.6): many elements in one system call.
 *
 * Source: kernel/bpf/syscall.c `bpf_map_do_batch`, `generic_map_update_batch`, `generic_map_delete_batch`.
 *
 * @module
 */

import { ENOENT } from '../base/errno.ts'
import { batchCount, mapBatch } from '../syscalls/elem.ts'
import { allocateChunk, chunks, defaultChunkSize, hasNoBatch, type Portion, whole } from './chunks.ts'
import { describeMap } from './describe.ts'
import { type Elements, type LookupOptions, lookupFlags } from './element.ts'
import { type MapHandle, requireAttached } from './handle.ts'
import { mapError, unsupported } from './map-error.ts'

/**
 * Reads all elements, batch by batch.
 *
 * @param command whether to delete what was read
 * @param size elements per batch
 * @param portion what is read of each value
 */
export function* readBatches<K, V>(
  elements: Elements<K, V, never, never>,
  command: 'map_lookup_batch' | 'map_lookup_and_delete_batch',
  size: number | undefined,
  portion: Portion = whole(elements.handle),
): Generator<[K, V][], undefined> {
  const { handle, keyCodec, valueCodec } = elements
  const { facts, mapKind } = handle
  const { valueBytes } = portion
  if (size !== undefined && !(Number.isSafeInteger(size) && size > 0 && size <= 0xffffffff)) {
    throw new RangeError(`Cannot read batches of ${describeMap(facts)}: ${size} is not a number of elements`)
  }
  const most = defaultChunkSize(handle, portion)
  const source = chunks(handle, command, Math.min(size ?? most, most), portion)
  let step = source.next()
  while (!step.done) {
    const { keys, values, count } = step.value
    const batch: [K, V][] = []
    for (let i = 0; i < count; i++) {
      batch.push([
        keyCodec.decode(keys.view, i * facts.keySize),
        valueCodec.decode(values.view, i * valueBytes),
      ])
    }
    yield batch
    step = source.next()
  }
  if (step.value === true) return
  const what = command === 'map_lookup_batch' ? 'Batch lookup' : 'Batch lookup and delete'
  throw unsupported(facts, what, mapKind.batchesSince, step.value, `BPF_${command.toUpperCase()}`)
}

/** Writes whole elements; as {@link writeBatches}. */
export function setBatch<KI, VI>(
  elements: Elements<unknown, unknown, KI, VI>,
  entries: Iterable<readonly [KI, VI]>,
  options: LookupOptions | undefined,
): number {
  return writeBatches(elements, entries, whole(elements.handle, lookupFlags(options)))
}

/**
 * Writes elements, new ones and such that exist; returns how many. Source: of the modes of an update, the kernel takes
 * `BPF_ANY` alone.
 *
 * @param portion what is written of each value
 */
export function writeBatches<KI, VI>(
  elements: Elements<unknown, unknown, KI, VI>,
  entries: Iterable<readonly [KI, VI]>,
  portion: Portion,
): number {
  const { handle } = elements
  const { facts, mapKind } = handle
  const { valueBytes, flags, cpu } = portion
  // What gives the entries may close a descriptor that it has given, and its number be another's by the next flush.
  const size = elements.takesDescriptors ? 1 : chunkSizeFor(handle, portion, entries)
  const { keys, values } = allocateChunk(handle, portion, size)
  let written = 0
  let filled = 0
  const flush = (): void => {
    if (filled === 0) return
    requireAttached(keys.bytes.buffer, facts)
    requireAttached(values.bytes.buffer, facts)
    const fd = handle.fd.fd
    const result = mapBatch('map_update_batch', fd, 0, 0, keys.address, values.address, filled, flags, cpu)
    if (result < 0) {
      const done = written + processed(filled)
      const command = 'BPF_MAP_UPDATE_BATCH'
      if (done === 0 && hasNoBatch(result)) {
        throw unsupported(facts, 'Batch update', mapKind.batchesSince, result, command)
      }
      throw mapError(facts, `set more than ${done} elements in`, result, command)
    }
    written += filled
    filled = 0
  }
  for (const [key, value] of entries) {
    elements.encodeKey(key, keys.view, filled * facts.keySize, 'set in')
    elements.encodeValue(value, values.view, filled * valueBytes, 'set in')
    if (++filled === size) flush()
  }
  flush()
  return written
}

/** Deletes keys; returns how many there were. */
export function deleteBatch<KI>(
  elements: Elements<unknown, unknown, KI, unknown>,
  keysToDelete: Iterable<KI>,
): number {
  const { handle } = elements
  const { facts, mapKind } = handle
  const portion = whole(handle)
  const size = chunkSizeFor(handle, portion, keysToDelete)
  const { keys } = allocateChunk(handle, portion, size)
  let deleted = 0
  let filled = 0
  const flush = (): void => {
    requireAttached(keys.bytes.buffer, facts)
    let from = 0
    while (from < filled) {
      const count = filled - from
      const address = keys.address + from * facts.keySize
      const result = mapBatch('map_delete_batch', handle.fd.fd, 0, 0, address, 0, count, 0)
      const done = result === 0 ? count : processed(count)
      deleted += done
      if (result < 0 && result !== -ENOENT) {
        const command = 'BPF_MAP_DELETE_BATCH'
        if (deleted === 0 && hasNoBatch(result)) {
          throw unsupported(facts, 'Batch delete', mapKind.batchesSince, result, command)
        }
        throw mapError(facts, `delete more than ${deleted} elements from`, result, command)
      }
      // The kernel stops at a key that is not there: go on behind it.
      from += result === 0 ? count : done + 1
    }
    filled = 0
  }
  for (const key of keysToDelete) {
    elements.encodeKey(key, keys.view, filled * facts.keySize, 'delete from')
    if (++filled === size) flush()
  }
  flush()
  return deleted
}

/** No larger than what is to be written, where that can be told. */
function chunkSizeFor(handle: MapHandle, portion: Portion, input: Iterable<unknown>): number {
  const size = defaultChunkSize(handle, portion)
  return Array.isArray(input) ? Math.max(1, Math.min(size, input.length)) : size
}

/** How many elements a failed batch processed. One that was refused at once leaves the count as it was. */
function processed(asked: number): number {
  const count = batchCount()
  return count < asked ? count : 0
}
