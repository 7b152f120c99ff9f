/**
 * How the elements of a map are seen: a view is a codec of its keys and one of its values.
 *
 * @module
 */

import type { Codec } from '../base/codec.ts'
import { u32 } from '../base/codecs.ts'
import { btfCodec } from '../btf/codec/codec.ts'
import { type ElementTypes, elementTypes, noBtf } from './element-types.ts'
import type { MapHandle } from './handle.ts'
import { perCpu } from './kinds/per-cpu.ts'
import { noKey, RawBytes } from './raw.ts'
import type { MapSpec } from './spec.ts'

/** The codecs of a map's keys and values. */
export interface MapView<K, V, KI = K, VI = V> {
  readonly keys: Codec<K, KI>
  readonly values: Codec<V, VI>
}

/** How to see a map through its BTF. */
export interface DecodedOptions {
  /**
   * What to do where the type of keys or of values is not known: throw `ERR_NO_BTF`, or read and write that side as
   * bytes. Default: `'throw'`.
   */
  untyped?: 'throw' | 'bytes'
}

/** Keys and values as system calls pass them. The value of a per-CPU map has those of all possible CPUs in a row. */
export function byteView(handle: MapHandle): MapView<Uint8Array, Uint8Array> {
  return { keys: keyBytes(handle), values: new RawBytes(handle.valueBytes, 'value') }
}

/**
 * Bytes, with the values of per-CPU maps in arrays and inner maps as maps.
 *
 * @param inner codec of the values of a map of maps
 */
export function rawView(handle: MapHandle, inner: Codec<unknown>): MapView<Uint8Array, unknown> {
  return { keys: keyBytes(handle), values: handle.mapKind.values === 'map' ? inner : valueBytesOf(handle) }
}

/**
 * Keys and values through BTF: types of the map's spec, else those that it was loaded with (Linux 4.18).
 *
 * @param innerOf makes the codec of the values of a map of maps, from the template of its inner maps where it is known
 * @param spec names the types; default: that of the map
 * @throws BpfError `ERR_NO_BTF` where a type is not known and that is not allowed
 * @throws ObjectFileError when the BTF has no such types
 */
export function decodedView(
  handle: MapHandle,
  innerOf: (template: MapSpec | undefined, options: DecodedOptions) => Codec<unknown>,
  options: DecodedOptions,
  spec: MapSpec | undefined = handle.spec,
): MapView<unknown, unknown> {
  const { facts, mapKind } = handle
  const { untyped = 'throw' } = options
  const types = elementTypes(handle, spec)
  if (types === undefined && untyped === 'throw') throw noBtf(facts, 'it was created without BTF')
  const values =
    mapKind.values === 'map' ? innerOf(spec?.innerMap, options) : decodedValues(handle, types, untyped)
  // The element of a Bloom filter takes the place of a key in `has`.
  return { keys: mapKind.elements === 'filter' ? values : decodedKeys(handle, types, untyped), values }
}

function decodedKeys(
  handle: MapHandle,
  types: ElementTypes | undefined,
  untyped: 'throw' | 'bytes',
): Codec<unknown> {
  const { facts, mapKind } = handle
  if (mapKind.elements === 'queue') return noKey
  if (types !== undefined && types.keyTypeId !== 0) return btfCodec(types.btf, types.keyTypeId)
  // Definitions by size alone leave the type of an index open, which the kernel does not.
  if (mapKind.indexed) return u32
  if (untyped === 'throw') throw noBtf(facts, 'the type of its keys is not known')
  return keyBytes(handle)
}

function decodedValues(
  handle: MapHandle,
  types: ElementTypes | undefined,
  untyped: 'throw' | 'bytes',
): Codec<unknown> {
  if (types !== undefined && types.valueTypeId !== 0) {
    const codec = btfCodec(types.btf, types.valueTypeId)
    return handle.mapKind.values === 'per_cpu' ? perCpu(codec) : codec
  }
  if (untyped === 'throw') throw noBtf(handle.facts, 'the type of its values is not known')
  return valueBytesOf(handle)
}

function keyBytes({ facts, mapKind }: MapHandle): Codec<Uint8Array> {
  // The element of a Bloom filter takes the place of a key in `has`.
  return mapKind.elements === 'filter'
    ? new RawBytes(facts.valueSize, 'value')
    : new RawBytes(facts.keySize, 'key')
}

function valueBytesOf({ facts, mapKind }: MapHandle): Codec<unknown> {
  const single = new RawBytes(facts.valueSize, 'value')
  return mapKind.values === 'per_cpu' ? perCpu(single) : single
}
