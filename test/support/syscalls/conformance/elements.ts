/**
 * Elements of maps.
 *
 * @module
 */

import type { TestFn } from 'ava'
import { mapTypes } from '../../../../src/abi/generated/enums.ts'
import { EEXIST, ENOENT } from '../../../../src/base/errno.ts'
import {
  batchCount,
  mapBatch,
  mapDeleteElem,
  mapGetNextKey,
  mapLookupAndDeleteElem,
  mapLookupElem,
  mapUpdateElem,
} from '../../../../src/syscalls/elem.ts'
import { allocate } from '../../../../src/syscalls/memory.ts'
import { createMap, hashMap } from './objects.ts'

/** Registers the tests. */
export function testElements(test: TestFn['serial']): void {
  test('elements are stored, found, walked and removed', t => {
    using map = hashMap()
    const key = allocate(4)
    const value = allocate(8)
    for (const [k, v] of [
      [1, 0x1122334455667788n],
      [2, 2n],
    ] as const) {
      key.view.setUint32(0, k, true)
      value.view.setBigUint64(0, v, true)
      t.is(mapUpdateElem(map.fd, key.address, value.address, 0), 0)
    }
    t.is(mapUpdateElem(map.fd, key.address, value.address, 1), -EEXIST)

    key.view.setUint32(0, 1, true)
    t.is(mapLookupElem(map.fd, key.address, value.address), 0)
    t.is(value.view.getBigUint64(0, true), 0x1122334455667788n)

    const seen: number[] = []
    for (let at = 0; mapGetNextKey(map.fd, at, key.address) === 0; at = key.address) {
      seen.push(key.view.getUint32(0, true))
    }
    t.deepEqual(seen.sort(), [1, 2])

    key.view.setUint32(0, 2, true)
    t.is(mapDeleteElem(map.fd, key.address), 0)
    t.is(mapDeleteElem(map.fd, key.address), -ENOENT)
    t.is(mapLookupElem(map.fd, key.address, value.address), -ENOENT)
    key.view.setUint32(0, 1, true)
    t.is(mapDeleteElem(map.fd, key.address), 0)
    t.is(mapGetNextKey(map.fd, 0, key.address), -ENOENT)
  })

  test('an element is read and removed in one call', t => {
    // Of a queue: hashes have it since 5.14 only.
    using map = createMap({ map_type: mapTypes.queue, value_size: 8, max_entries: 1 })
    const value = allocate(8)
    value.view.setBigUint64(0, 0x1122334455667788n, true)
    t.is(mapUpdateElem(map.fd, 0, value.address, 0), 0)
    value.bytes.fill(0)
    t.is(mapLookupAndDeleteElem(map.fd, 0, value.address), 0)
    t.is(value.view.getBigUint64(0, true), 0x1122334455667788n)
    t.is(mapLookupAndDeleteElem(map.fd, 0, value.address), -ENOENT)
  })

  test('batches store and find many elements', t => {
    using map = hashMap(100)
    const keys = allocate(400)
    const values = allocate(800)
    new Uint32Array(keys.bytes.buffer).forEach((_, i, all) => {
      all[i] = i
    })
    new BigUint64Array(values.bytes.buffer).forEach((_, i, all) => {
      all[i] = BigInt(i) * 3n
    })
    t.is(mapBatch('map_update_batch', map.fd, 0, 0, keys.address, values.address, 100, 0), 0)
    t.is(batchCount(), 100)

    const position = allocate(8)
    const [outKeys, outValues] = [allocate(800), allocate(1600)]
    t.is(
      mapBatch('map_lookup_batch', map.fd, 0, position.address, outKeys.address, outValues.address, 200, 0),
      -2,
    )
    t.is(batchCount(), 100)
    for (let i = 0; i < 100; i++) {
      t.is(outValues.view.getBigUint64(i * 8, true), BigInt(outKeys.view.getUint32(i * 4, true)) * 3n)
    }
    t.is(mapBatch('map_delete_batch', map.fd, 0, 0, keys.address, 0, 100, 0), 0)
    t.is(mapGetNextKey(map.fd, 0, outKeys.address), -ENOENT)
  })
}
