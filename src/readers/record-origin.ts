/**
 * From a map to the origin of its records: its name, and how to read what programs send through it.
 *
 * @module
 */

import type { Codec } from '../base/codec.ts'
import type { Btf } from '../btf/btf.ts'
import { btfCodec } from '../btf/codec/codec.ts'
import type { RecordOrigin } from './record.ts'

/** What a reader needs of a map; any `BpfMap` is one. */
export interface ReaderMap {
  /** Its descriptor. */
  readonly fd: number
  readonly name: string
  /** Where the type of its records is: that of its values, or of its records. */
  readonly spec?: RecordTypes | undefined
}

/** The BTF types of a map that may be those of its records. */
export interface RecordTypes {
  readonly btf?: Btf
  readonly valueTypeId?: number
  readonly recordTypeId?: number
}

/** The origin of a map's records; the codec is made once, when it is first needed. */
export function recordOrigin<T>(
  name: string,
  types: RecordTypes | undefined,
  given: Codec<T, never> | undefined,
): RecordOrigin<T> {
  let codec = given
  return {
    name,
    codec() {
      if (codec === undefined && types?.btf !== undefined) {
        const typeId = types.valueTypeId || types.recordTypeId
        // `T` is unknown where no codec was given.
        if (typeId) codec = btfCodec(types.btf, typeId) as Codec<unknown, never> as Codec<T, never>
      }
      return codec
    },
  }
}

/**
 * The maps that a caller gave a reader.
 *
 * @param kind what is opened, for messages: `'ring buffer'`
 * @throws TypeError when no map, or a codec that cannot decode was given
 */
export function mapsToRead(
  kind: string,
  source: ReaderMap | Iterable<ReaderMap>,
  codec: Codec<unknown, never> | undefined,
): readonly ReaderMap[] {
  if (typeof source !== 'object' || source === null)
    throw new TypeError(`Cannot open a ${kind}: no map was given`)
  if (codec !== undefined && typeof codec.decode !== 'function')
    throw new TypeError(`Cannot open a ${kind}: the codec has no function decode`)
  // A BpfMap is iterable too.
  const maps = 'fd' in source ? [source] : [...source]
  if (maps.length === 0) throw new TypeError(`Cannot open a ${kind}: no map was given`)
  return maps
}
