/**
 * The types of records that definitions of maps do not name: a global pointer `struct event *events_record;` names that of
 * the records of map `events`. The types of variables stay in BTF where nothing else uses them.
 *
 * @module
 */

import type { Btf } from '../../btf/btf.ts'
import type { MapSpec } from '../../maps/spec.ts'

/** Sets the record types of ring buffers without a type of their values, and of perf buffers. */
export function nameRecordTypes(maps: ReadonlyMap<string, MapSpec>, btf: Btf | undefined): void {
  if (btf === undefined) return
  for (const [name, spec] of maps) {
    const hasRecords = spec.type === 'perf_event_array' || (spec.type === 'ringbuf' && !spec.valueTypeId)
    const typeId = hasRecords ? pointee(btf, `${name}_record`) : undefined
    if (typeId !== undefined) Object.assign(spec, { btf, recordTypeId: typeId })
  }
}

/** What a global pointer points to; `undefined` when it does not exist, or points to anything. */
function pointee(btf: Btf, name: string): number | undefined {
  const variable = btf.findType('var', name)
  if (variable === undefined) return undefined
  const pointer = btf.type(btf.resolve(variable.type))
  if (pointer.kind !== 'ptr') return undefined
  const typeId = btf.resolve(pointer.type)
  return typeId === 0 ? undefined : typeId
}
