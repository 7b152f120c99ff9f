/**
 * The BTF types of a map's keys and values.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { BtfObject } from '../objects/btf-object.ts'
import type { MapFacts, MapHandle } from './handle.ts'
import { readMapInfo } from './info.ts'
import { describeMap } from './map-error.ts'

/** Types of keys and values; an id is 0 where that type is not known. */
export interface ElementTypes {
  btf: Btf
  keyTypeId: number
  valueTypeId: number
}

/**
 * The types that the spec of a map names; without BTF there, those that the map was loaded with (4.18).
 *
 * @throws BpfError `ERR_NO_BTF` when it has none
 */
export function elementTypes({ fd, facts, spec }: MapHandle): ElementTypes {
  if (spec?.btf !== undefined) {
    return { btf: spec.btf, keyTypeId: spec.keyTypeId ?? 0, valueTypeId: spec.valueTypeId ?? 0 }
  }
  const { btfId, btfKeyTypeId, btfValueTypeId } = readMapInfo(fd.fd)
  if (btfId === 0) throw noBtf(facts, 'it was created without BTF')
  using object = BtfObject.fromId(btfId)
  return { btf: object.types(), keyTypeId: btfKeyTypeId, valueTypeId: btfValueTypeId }
}

/**
 * An id of {@link elementTypes} that must be known.
 *
 * @throws BpfError `ERR_NO_BTF` when it is 0
 */
export function knownType(facts: MapFacts, what: 'key' | 'value', id: number): number {
  if (id === 0) throw noBtf(facts, `the type of its ${what}s is not known`)
  return id
}

function noBtf(facts: MapFacts, reason: string): BpfError {
  return new BpfError(`Cannot decode ${describeMap(facts)}: ${reason}`, { code: 'ERR_NO_BTF' })
}
