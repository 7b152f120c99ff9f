/**
 * Emptying a map.
 *
 * @module
 */

import { iterationAborted, stepLimit } from './chunks.ts'
import { describeMap } from './describe.ts'
import { Elements } from './element.ts'
import type { MapHandle } from './handle.ts'
import { walk } from './iterate.ts'
import { pop } from './kinds/queue.ts'
import { byteView } from './views.ts'

/**
 * Deletes every element; the values of an array become zeros.
 *
 * @throws TypeError for a Bloom filter, and for a map without elements
 */
export function clearMap(handle: MapHandle): void {
  const { facts, mapKind, valueBytes } = handle
  if (mapKind.elements === 'filter') {
    throw new TypeError(`Cannot clear ${describeMap(facts)}: a Bloom filter does not forget`)
  }
  const elements = new Elements(handle, byteView(handle))
  if (mapKind.elements === 'queue') {
    for (let left = facts.maxEntries; left > 0 && pop(elements) !== undefined; left--);
    return
  }
  const deletes = mapKind.operations.includes('delete')
  const zeros = new Uint8Array(valueBytes)
  // Deleting moves what is left in a map that resizes: each round sees some of it, the first key at least.
  for (let rounds = 0; ; rounds++) {
    for (const key of walk(handle, (keys, offset) => elements.keyCodec.decode(keys, offset), false)) {
      if (deletes) elements.delete(key)
      else elements.set(key, zeros)
    }
    if (mapKind.moves !== true || elements.nextKey() === undefined) return
    if (rounds === stepLimit(handle)) throw iterationAborted(handle)
  }
}
