/**
 * Single elements: the hot path of maps.
 *
 * A call borrows memory at fixed addresses from the map, encodes into it, takes the descriptor, makes one system call,
 * and decodes from there. No user code (a codec, a getter, options) runs between taking the descriptor and the call:
 * it may close the map, and the descriptor's number may be another map's by then. Nothing is allocated but the result;
 * whatever only matters when something goes wrong is looked at after it did.
 *
 * Source: kernel/bpf/syscall.c `map_lookup_elem`, `map_update_elem`, `map_delete_elem`, `map_get_next_key`,
 * `map_lookup_and_delete_elem`.
 *
 * @module
 */

import { BPF_ANY, BPF_EXIST, BPF_F_LOCK, BPF_NOEXIST } from '../abi/generated/flags.ts'
import type { Codec } from '../base/codec.ts'
import { EINVAL, ENOENT, ENOTSUPP, EOPNOTSUPP } from '../base/errno.ts'
import { isAtLeast } from '../kernel/version.ts'
import {
  mapDeleteElem,
  mapGetNextKey,
  mapLookupAndDeleteElem,
  mapLookupElem,
  mapUpdateElem,
} from '../syscalls/elem.ts'
import { type MapHandle, requireAttached } from './handle.ts'
import { type DescriptorOwner, encodeDescriptor, isDescriptorOwner } from './kinds/descriptors.ts'
import { isKeyless } from './kinds.ts'
import { argumentError, mapError, type OperationDetails, unsupported, wrongKind } from './map-error.ts'
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
  /** Whether values are numbers of descriptors, which mean something only until the descriptors are closed. */
  readonly takesDescriptors: boolean

  constructor(handle: MapHandle, { keys, values }: MapView<K, V, KI, VI>) {
    this.handle = handle
    this.keyCodec = keys
    this.valueCodec = values
    const { elements, values: taken } = handle.mapKind
    this.#filter = elements === 'filter'
    this.takesDescriptors = taken === 'map' || taken === 'descriptor'
  }

  /** `undefined` for a key that the map does not have. */
  get(key: KI, options?: LookupOptions): V | undefined {
    const { handle } = this
    const flags = lookupFlags(options)
    const slots = handle.borrow()
    this.encodeKey(key, slots.key.view, 0, 'look up in')
    requireAttached(slots.buffer, handle.facts)
    const result = mapLookupElem(handle.fd.fd, slots.key.address, slots.value.address, flags)
    const value = result === 0 ? this.valueCodec.decode(slots.value.view, 0) : undefined
    handle.giveBack(slots)
    if (result === 0 || result === -ENOENT) return value
    throw this.#refused('look up in', result, 'BPF_MAP_LOOKUP_ELEM')
  }

  /** Whether the map has a key; for a Bloom filter, whether the element may have been pushed. */
  has(key: KI): boolean {
    const { handle } = this
    const slots = handle.borrow()
    // The element of a Bloom filter is its value: it has no key, and the address 0 says so.
    const place = this.#filter ? slots.value : slots.key
    this.encodeKey(key, place.view, 0, 'look up in')
    requireAttached(slots.buffer, handle.facts)
    const address = this.#filter ? 0 : slots.key.address
    const result = mapLookupElem(handle.fd.fd, address, slots.value.address, 0)
    handle.giveBack(slots)
    if (result === 0) return true
    if (result === -ENOENT) return false
    throw this.#refused('look up in', result, 'BPF_MAP_LOOKUP_ELEM')
  }

  /** Writes an element. */
  set(key: KI, value: VI | DescriptorOwner, options?: UpdateMode | MapUpdateOptions): void {
    const { handle } = this
    const flags = updateFlags(options)
    const slots = handle.borrow()
    this.encodeKey(key, slots.key.view, 0, 'set in')
    this.encodeValue(value, slots.value.view, 0, 'set in')
    requireAttached(slots.buffer, handle.facts)
    const result = mapUpdateElem(handle.fd.fd, slots.key.address, slots.value.address, flags)
    handle.giveBack(slots)
    if (result >= 0) return
    const given = this.takesDescriptors ? slots.value.view.getUint32(0, true) : undefined
    throw this.#refused('set in', result, 'BPF_MAP_UPDATE_ELEM', { flags, value: given })
  }

  /** Deletes an element; `false` for a key that the map does not have. */
  delete(key: KI): boolean {
    const { handle } = this
    const slots = handle.borrow()
    this.encodeKey(key, slots.key.view, 0, 'delete from')
    requireAttached(slots.buffer, handle.facts)
    const result = mapDeleteElem(handle.fd.fd, slots.key.address)
    handle.giveBack(slots)
    if (result === 0) return true
    if (result === -ENOENT) return false
    throw this.#refused('delete from', result, 'BPF_MAP_DELETE_ELEM')
  }

  /** Reads and deletes an element at once; `undefined` for a key that the map does not have. */
  getAndDelete(key: KI, options?: LookupOptions): V | undefined {
    const { handle } = this
    const flags = lookupFlags(options)
    const slots = handle.borrow()
    this.encodeKey(key, slots.key.view, 0, 'get and delete in')
    requireAttached(slots.buffer, handle.facts)
    const result = mapLookupAndDeleteElem(handle.fd.fd, slots.key.address, slots.value.address, flags)
    const value = result === 0 ? this.valueCodec.decode(slots.value.view, 0) : undefined
    handle.giveBack(slots)
    if (result === 0 || result === -ENOENT) return value
    const { facts, mapKind } = handle
    const since = mapKind.lookupAndDeleteSince
    // Kernels without it may not know its flags either.
    const unknownFlags = result === -EINVAL && since !== undefined && !isAtLeast(since)
    const lacking = result === -ENOTSUPP || result === -EOPNOTSUPP || unknownFlags
    const command = 'BPF_MAP_LOOKUP_AND_DELETE_ELEM'
    if (lacking && !isKeyless(mapKind)) {
      throw unsupported(facts, 'Lookup and delete', since, result, command)
    }
    throw this.#refused('get and delete in', result, command)
  }

  /** The key after `key`, or the first; `undefined` after the last. */
  nextKey(key?: KI): K | undefined {
    const { handle } = this
    const slots = handle.borrow()
    if (key !== undefined) this.encodeKey(key, slots.key.view, 0, 'find the next key of')
    requireAttached(slots.buffer, handle.facts)
    const from = key === undefined ? 0 : slots.key.address
    const result = mapGetNextKey(handle.fd.fd, from, slots.nextKey.address)
    const next = result === 0 ? this.keyCodec.decode(slots.nextKey.view, 0) : undefined
    handle.giveBack(slots)
    if (result === 0 || result === -ENOENT) return next
    throw this.#refused('find the next key of', result, 'BPF_MAP_GET_NEXT_KEY')
  }

  /**
   * Writes a value where a command will read it. Maps of descriptors take anything with an `fd`.
   *
   * @throws TypeError or RangeError naming the map
   */
  encodeValue(value: VI | DescriptorOwner, view: DataView, offset: number, verb: string): void {
    try {
      if (this.takesDescriptors && isDescriptorOwner(value)) {
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

  #refused(verb: string, result: number, command: string, details?: OperationDetails): Error {
    const { facts, fd } = this.handle
    if (facts.keySize === 0) return wrongKind(facts, verb)
    return mapError(facts, verb, result, command, { ...details, fd: fd.fd })
  }
}
