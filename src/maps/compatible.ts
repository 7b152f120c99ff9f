/**
 * Whether a map that exists can stand for the one that a spec describes.
 *
 * Source: libbpf `map_is_reuse_compat`.
 *
 * @module
 */

import { mapTypes } from '../abi/generated/enums.ts'
import { enumNumber } from '../abi/names.ts'
import type { MapInfo } from './info.ts'
import { mapKind } from './kinds.ts'
import type { MapSpec } from './spec.ts'

/**
 * Compares a spec with a map. Names may differ: the kernel cuts them.
 *
 * @param spec with every default filled in, as `createdSpec` does
 * @param info of the map
 * @returns one text per field that differs, such as `'key size 4 is not 8'`; empty when the map will do
 */
export function incompatibilities(
  spec: Readonly<MapSpec>,
  info: Pick<MapInfo, 'type' | 'keySize' | 'valueSize' | 'maxEntries' | 'flags' | 'mapExtra'>,
): string[] {
  const differences: string[] = []
  const compare = (what: string, found: string | number | bigint, wanted: string | number | bigint): void => {
    if (found !== wanted) differences.push(`${what} ${found} is not ${wanted}`)
  }
  const type = enumNumber(mapTypes, spec.type, 'map type')
  const { addedFlags = 0 } = mapKind(type)
  if (enumNumber(mapTypes, info.type, 'map type') !== type) compare('type', info.type, spec.type)
  compare('key size', info.keySize, spec.keySize ?? 0)
  compare('value size', info.valueSize, spec.valueSize ?? 0)
  compare('max entries', info.maxEntries, spec.maxEntries ?? 0)
  compare('flags', hex(info.flags & ~addedFlags), hex((spec.flags ?? 0) & ~addedFlags))
  compare('map extra', info.mapExtra, spec.mapExtra ?? 0n)
  return differences
}

function hex(flags: number): string {
  return `0x${(flags >>> 0).toString(16)}`
}
