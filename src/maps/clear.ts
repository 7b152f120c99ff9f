/**
 * Emptying a map.
 *
 * @module
 */

import { Elements } from './element.ts'
import type { MapHandle } from './handle.ts'
import { walk } from './iterate.ts'
import { hasFixedElements, isKeyless } from './kinds.ts'
import { describeMap } from './map-error.ts'
import { byteView } from './views.ts'

/**
 * Deletes every element; the values of an array become zeros.
 *
 * @throws TypeError for a Bloom filter, and for a map without elements
 */
export function clearMap(handle: MapHandle): void {
  const { facts, valueBytes } = handle
  if (facts.type === 'bloom_filter') {
    throw new TypeError(`Cannot clear ${describeMap(facts)}: a Bloom filter does not forget`)
  }
  const elements = new Elements(handle, byteView(handle))
  if (isKeyless(facts.type)) {
    for (let left = facts.maxEntries; left > 0 && elements.pop() !== undefined; left--);
    return
  }
  const zeros = new Uint8Array(valueBytes)
  for (const key of walk(handle, (keys, offset) => elements.keyCodec.decode(keys, offset), false)) {
    if (hasFixedElements(facts.type)) elements.set(key, zeros)
    else elements.delete(key)
  }
}
