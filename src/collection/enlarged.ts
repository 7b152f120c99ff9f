/**
 * Data sections that are larger than they were compiled: the array that is their last variable gets more elements.
 *
 * Source: libbpf `bpf_map__set_value_size`, `map_btf_datasec_resize`.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { BtfBuilder } from '../btf/builder.ts'
import type { BtfArray } from '../btf/types.ts'
import { isDataSection, type MapSpec } from '../maps/spec.ts'

/** The array at the end of an enlarged section. */
export interface EnlargedArray {
  /** Bytes from the start of the section. */
  readonly offset: number
  /** The array, up to the end of the section. */
  readonly type: BtfArray
}

/** Whether a map is a data section that another size was set for than its variables have. */
export function isEnlarged(map: MapSpec): boolean {
  const { btf, valueTypeId = 0, valueSize } = map
  if (!isDataSection(map) || btf === undefined || valueTypeId === 0) return false
  const section = btf.type(valueTypeId)
  return section.kind === 'datasec' && section.size !== valueSize
}

/** The last variable of an enlarged section; `undefined` when it is not an array, or would end within an element. */
export function enlargedArray({ btf, valueTypeId = 0, valueSize = 0 }: MapSpec): EnlargedArray | undefined {
  const section = btf?.type(valueTypeId)
  const last = section?.kind === 'datasec' ? section.variables.at(-1) : undefined
  if (btf === undefined || last === undefined) return undefined
  const variable = btf.type(last.type)
  const array = btf.resolved(variable.kind === 'var' ? variable.type : last.type)
  if (array.kind !== 'array') return undefined
  const elementSize = btf.sizeOf(array.type)
  const count = (valueSize - last.offset) / elementSize
  return Number.isInteger(count) && count > 0 ? { offset: last.offset, type: { ...array, count } } : undefined
}

/** The types of an object with the arrays of its enlarged sections; the same ones when no section is. */
export function enlargedTypes(btf: Btf, maps: Iterable<MapSpec>): Btf {
  let builder: BtfBuilder | undefined
  for (const map of maps) {
    if (map.btf !== btf || !isEnlarged(map)) continue
    const enlarged = enlargedArray(map)
    const section = btf.type(map.valueTypeId ?? 0)
    if (enlarged === undefined || section.kind !== 'datasec') continue
    builder ??= BtfBuilder.from(btf)
    const last = section.variables.at(-1)!
    const variable = btf.type(last.type)
    if (variable.kind === 'var') builder.replace(last.type, { ...variable, type: builder.add(enlarged.type) })
    const size = map.valueSize ?? 0
    const variables = [...section.variables.slice(0, -1), { ...last, size: size - last.offset }]
    builder.replace(map.valueTypeId ?? 0, { ...section, size, variables })
  }
  return builder === undefined ? btf : btf.reparse(builder.build())
}

/**
 * A map as it is created: zeros follow the initial values of a section that was made larger.
 *
 * @param btf what `enlargedTypes` made of the object's types
 * @throws BpfError `ERR_INVALID_SPEC` when the section is too small for its variables
 */
export function enlargedMap(map: MapSpec, btf: Btf | undefined): MapSpec {
  const [content] = map.contents ?? []
  const { valueSize = 0 } = map
  const value = content?.value
  if (!isDataSection(map) || !(value instanceof Uint8Array)) return map
  if (value.length === valueSize && !isEnlarged(map)) return map
  if (value.length > valueSize) {
    throw new BpfError(
      `Cannot create map ${map.name}: valueSize is ${valueSize}, and its variables have ${value.length} bytes`,
      { code: 'ERR_INVALID_SPEC' },
    )
  }
  const enlarged: MapSpec = { ...map, contents: [{ key: content!.key, value: padded(value, valueSize) }] }
  if (btf !== undefined && enlargedArray(map) !== undefined) enlarged.btf = btf
  // The value's type must have its size.
  else delete enlarged.valueTypeId
  return enlarged
}

/** Bytes with zeros behind them. */
export function padded(bytes: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const longer = new Uint8Array(size)
  longer.set(bytes)
  return longer
}
