/**
 * Single elements: the hot path of maps.
 *
 * A call encodes into memory at fixed addresses that the map owns, makes one system call, and decodes from there.
 * Nothing is allocated but the result; whatever only matters when something goes wrong is looked at after it did.
 *
 * Source: kernel/bpf/syscall.c `map_lookup_elem`, `map_update_elem`, `map_delete_elem`, `map_get_next_key`,
 * `map_lookup_and_delete_elem`.
 *
 * @module
 */

import { BPF_ANY, BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST } from '../abi/generated/flags.ts'
import type { Codec } from '../base/codec.ts'
import { EINVAL, ENOENT, ENOTSUPP, EOPNOTSUPP } from '../base/errno.ts'
import {
  mapDeleteElem,
  mapGetNextKey,
  mapLookupAndDeleteElem,
  mapLookupElem,
  mapUpdateElem,
} from '../syscalls/elem.ts'
import type { MapHandle } from './handle.ts'
import { type DescriptorOwner, encodeDescriptor, isDescriptorOwner } from './kinds/descriptors.ts'
import { isKeyless } from './kinds.ts'
import { argumentError, mapError, unsupported, wrongKind } from './map-error.ts'
import type { MapView } from './views.ts'

/** When to write: always, only a new key, only an existing key. */
export type UpdateMode = 'any' | 'no_exist' | 'exist'

/** How to write an element. */
export interface MapUpdateOptions {
  /** Default: `'any'`. */
  mode?: UpdateMode
  /** Hold the value's `bpf_spin_lock` while it is copied (Linux 5.1). */
  lock?: boolean
}

/** How to read an element, and how to read and write batches. */
export interface LookupOptions {
  /** Hold the value's `bpf_spin_lock` while it is copied (Linux 5.1). */
  lock?: boolean
}

const modes: Readonly<Record<UpdateMode, number>> = { any: BPF_ANY, no_exist: BPF_NOEXIST, exist: BPF_EXIST }

/** Flags of an update. */
export function updateFlags(options: UpdateMode | MapUpdateOptions | undefined): number {
  if (options === undefined) return BPF_ANY
  const { mode = 'any', lock = false } = typeof options === 'string' ? { mode: options } : options
  if (!Object.hasOwn(modes, mode)) {
    throw new TypeError(`Unknown update mode ${JSON.stringify(mode)}: expected any, no_exist or exist`)
  }
  return modes[mode] | (lock ? BPF_F_LOCK : 0)
}

/** Flags of a lookup, and of the elements of a batch. */
export function lookupFlags(options: LookupOptions | undefined): number {
  return options?.lock === true ? BPF_F_LOCK : 0
}

/** The elements of a map, seen through two codecs. */
export class Elements<K, V, KI = K, VI = V> {
  readonly handle: MapHandle
  readonly keyCodec: Codec<K, KI>
  readonly valueCodec: Codec<V, VI>
  readonly #filter: boolean
  readonly #descriptors: boolean

  constructor(handle: MapHandle, { keys, values }: MapView<K, V, KI, VI>) {
    this.handle = handle
    this.keyCodec = keys
    this.valueCodec = values
    const { elements, values: taken } = handle.mapKind
    this.#filter = elements === 'filter'
    this.#descriptors = taken === 'map' || taken === 'descriptor'
  }

  /** The value of a key; `undefined` when the map does not have the key. */
  get(key: KI, options?: LookupOptions): V | undefined {
    const { fd, slots } = this.handle
    const number = fd.fd
    this.encodeKey(key, slots.key.view, 0, 'look up in')
    const result = mapLookupElem(number, slots.key.address, slots.value.address, lookupFlags(options))
    if (result === 0) return this.valueCodec.decode(slots.value.view, 0)
    if (result === -ENOENT) return undefined
    throw this.#refused('look up in', result, 'BPF_MAP_LOOKUP_ELEM')
  }

  /** Whether there is such a key; for a Bloom filter, whether the element may have been pushed. */
  has(key: KI): boolean {
    const { fd, slots } = this.handle
    const number = fd.fd
    // The element of a Bloom filter is its value: it has no key, for which the address 0 stands.
    const place = this.#filter ? slots.value : slots.key
    this.encodeKey(key, place.view, 0, 'look up in')
    const result = mapLookupElem(number, this.#filter ? 0 : slots.key.address, slots.value.address, 0)
    if (result === 0) return true
    if (result === -ENOENT) return false
    throw this.#refused('look up in', result, 'BPF_MAP_LOOKUP_ELEM')
  }

  /** Writes an element. */
  set(key: KI, value: VI | DescriptorOwner, options?: UpdateMode | MapUpdateOptions): void {
    const { fd, slots } = this.handle
    const number = fd.fd
    const flags = updateFlags(options)
    this.encodeKey(key, slots.key.view, 0, 'set in')
    this.encodeValue(value, slots.value.view, 0, 'set in')
    const result = mapUpdateElem(number, slots.key.address, slots.value.address, flags)
    if (result < 0) throw this.#refused('set in', result, 'BPF_MAP_UPDATE_ELEM')
  }

  /** Deletes an element; `false` when there was none. */
  delete(key: KI): boolean {
    const { fd, slots } = this.handle
    const number = fd.fd
    this.encodeKey(key, slots.key.view, 0, 'delete from')
    const result = mapDeleteElem(number, slots.key.address)
    if (result === 0) return true
    if (result === -ENOENT) return false
    throw this.#refused('delete from', result, 'BPF_MAP_DELETE_ELEM')
  }

  /** Reads and deletes an element at once; `undefined` when the map does not have the key. */
  getAndDelete(key: KI, options?: LookupOptions): V | undefined {
    const { fd, slots, facts, mapKind } = this.handle
    const number = fd.fd
    this.encodeKey(key, slots.key.view, 0, 'get and delete in')
    const result = mapLookupAndDeleteElem(
      number,
      slots.key.address,
      slots.value.address,
      lookupFlags(options),
    )
    if (result === 0) return this.valueCodec.decode(slots.value.view, 0)
    if (result === -ENOENT) return undefined
    const lacking = result === -ENOTSUPP || result === -EOPNOTSUPP || result === -EINVAL
    const command = 'BPF_MAP_LOOKUP_AND_DELETE_ELEM'
    if (lacking && !isKeyless(mapKind)) {
      throw unsupported(facts, 'Lookup and delete', mapKind.lookupAndDeleteSince, result, command)
    }
    throw this.#refused('get and delete in', result, command)
  }

  /** The key after `key`, or the first; `undefined` after the last. */
  nextKey(key?: KI): K | undefined {
    const { fd, slots } = this.handle
    const number = fd.fd
    if (key !== undefined) this.encodeKey(key, slots.key.view, 0, 'find the next key of')
    const result = mapGetNextKey(number, key === undefined ? 0 : slots.key.address, slots.nextKey.address)
    if (result === 0) return this.keyCodec.decode(slots.nextKey.view, 0)
    if (result === -ENOENT) return undefined
    throw this.#refused('find the next key of', result, 'BPF_MAP_GET_NEXT_KEY')
  }

  /**
   * Writes a value where a command will read it. Maps of descriptors take anything with an `fd`.
   *
   * @throws TypeError or RangeError naming the map
   */
  encodeValue(value: VI | DescriptorOwner, view: DataView, offset: number, verb: string): void {
    try {
      if (this.#descriptors && isDescriptorOwner(value)) {
        encodeDescriptor(value.fd, view, offset, this.handle.facts.valueSize)
      } else this.valueCodec.encode(value as VI, view, offset)
    } catch (error) {
      throw argumentError(this.handle.facts, verb, error)
    }
  }

  /**
   * Writes a key where a command will read it.
   *
   * @throws TypeError or RangeError naming the map
   */
  encodeKey(key: KI, view: DataView, offset: number, verb: string): void {
    try {
      this.keyCodec.encode(key, view, offset)
    } catch (error) {
      throw argumentError(this.handle.facts, verb, error)
    }
  }

  #refused(verb: string, result: number, command: string): Error {
    const { facts, mapKind } = this.handle
    return isKeyless(mapKind) ? wrongKind(facts, verb) : mapError(facts, verb, result, command)
  }
}
