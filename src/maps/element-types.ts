/**
 * The BTF types of a map's keys and values.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { BtfObject } from '../objects/btf-object.ts'
import { describeMap } from './describe.ts'
import type { MapFacts, MapHandle } from './handle.ts'
import { readMapInfo } from './info.ts'
import type { MapSpec } from './spec.ts'

/** Types of keys and values; an id is 0 where that type is not known. */
export interface ElementTypes {
  btf: Btf
  keyTypeId: number
  valueTypeId: number
}

/** The types that a spec of a map names; without BTF there, those that the map was loaded with (Linux 4.18). */
export function elementTypes({ fd }: MapHandle, spec: MapSpec | undefined): ElementTypes | undefined {
  if (spec?.btf !== undefined) {
    return { btf: spec.btf, keyTypeId: spec.keyTypeId ?? 0, valueTypeId: spec.valueTypeId ?? 0 }
  }
  const { btfId, btfKeyTypeId, btfValueTypeId } = readMapInfo(fd.fd)
  if (btfId === 0) return undefined
  using object = BtfObject.fromId(btfId)
  return { btf: object.types(), keyTypeId: btfKeyTypeId, valueTypeId: btfValueTypeId }
}

/** The error for a map whose elements cannot be decoded. */
export function noBtf(facts: MapFacts, reason: string): BpfError {
  return new BpfError(`Cannot decode ${describeMap(facts)}: ${reason}`, { code: 'ERR_NO_BTF' })
}
