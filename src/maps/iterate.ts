/**
 * Iteration over the elements of a map.
 *
 * Elements may come and go meanwhile. Where the kernel copies whole hash buckets (5.6), every element that is there
 * all the time comes exactly once. Where it goes from key to key, an element may come twice when others delete the
 * key that the iteration is at; deleting the element that the loop has just been given is always safe.
 *
 * Source: kernel/bpf/hashtab.c `htab_map_get_next_key`, which starts over when the key is gone.
 *
 * @module
 */

import { allocate, mapGetNextKey, mapLookupElem } from '../syscalls/index.ts'
import { chunks, defaultChunkSize, iterationAborted, stepLimit } from './chunks.ts'
import type { MapHandle } from './handle.ts'
import { hasBatches, hasNoElements, isKeyless } from './kinds.ts'
import { ENOENT, mapError, wrongKind } from './map-error.ts'

/** Makes what the iteration yields from an element in memory. */
export type Emit<T> = (keys: DataView, keyOffset: number, values: DataView, valueOffset: number) => T

/**
 * Walks a map.
 *
 * @param emit called for each element when it is asked for
 * @param withValues whether `emit` reads values
 * @throws TypeError when elements of such a map have no keys
 * @throws BpfError `ERR_ITERATION_ABORTED` when it changes so fast that no end is reached
 */
export function* walk<T>(handle: MapHandle, emit: Emit<T>, withValues: boolean): Generator<T, undefined> {
  const { facts, valueBytes } = handle
  if (isKeyless(facts.type) || hasNoElements(facts.type)) throw wrongKind(facts, 'iterate')
  if (hasBatches(facts.type) && handle.batchLookups !== false) {
    // Not a generator of its own: elements would be handed through two.
    const source = chunks(handle, 'map_lookup_batch', defaultChunkSize(handle))
    let step = source.next()
    while (!step.done) {
      const { keys, values, count } = step.value
      for (let i = 0; i < count; i++) yield emit(keys.view, i * facts.keySize, values.view, i * valueBytes)
      step = source.next()
    }
    handle.batchLookups = step.value === true
    if (handle.batchLookups) return
  }
  yield* walkKeys(handle, emit, withValues)
}

function* walkKeys<T>(handle: MapHandle, emit: Emit<T>, withValues: boolean): Generator<T, undefined> {
  const { facts, valueBytes } = handle
  let current = allocate(facts.keySize)
  let next = allocate(facts.keySize)
  const value = allocate(valueBytes)
  let steps = 0
  let result = mapGetNextKey(handle.fd.fd, 0, current.address)
  while (result === 0) {
    if (++steps > stepLimit(handle)) throw iterationAborted(handle)
    const fd = handle.fd.fd
    // The next key is found before the current one is handed out: the caller may delete that.
    result = mapGetNextKey(fd, current.address, next.address)
    const found = withValues ? mapLookupElem(fd, current.address, value.address) : 0
    if (found < 0 && found !== -ENOENT) throw mapError(facts, 'look up in', found, 'BPF_MAP_LOOKUP_ELEM')
    // Gone since its key was read, or an empty slot of an array.
    if (found === 0) yield emit(current.view, 0, value.view, 0)
    ;[current, next] = [next, current]
  }
  if (result !== -ENOENT) throw mapError(facts, 'iterate', result, 'BPF_MAP_GET_NEXT_KEY')
}
