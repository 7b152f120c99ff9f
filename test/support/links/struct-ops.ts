/**
 * Sets of operations, which the kernel knows by name: each process has names of its own, and what a killed run has
 * registered is taken away.
 *
 * @module
 */

import { existsSync } from 'node:fs'
import type { CollectionSpec } from '../../../src/collection/spec.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { objectSpec } from '../objects.ts'

/** Bytes of a name of `struct tcp_congestion_ops`, with the NUL. Source: include/net/tcp.h `TCP_CA_NAME_MAX`. */
const NAME_SIZE = 16

/** Maps of the object whose operations are registered by name. */
const SETS = ['plain', 'linked', 'optional'] as const

/** Name under which the operations of a map are registered: `'ebpf_ts_p2n9c'`, with the id of this process. */
export function operationsName(map: (typeof SETS)[number]): string {
  return `ebpf_ts_${map[0]}${process.pid.toString(36)}`
}

/** A name made so, for whatever process. */
const NAME = new RegExp(`ebpf_ts_[${SETS.map(each => each[0]).join('')}]([0-9a-z]+)\\0`)

/** The object `struct-ops` with the maps that are named, and no others; its operations have names of this process. */
export function operations(...names: string[]): CollectionSpec {
  const spec = objectSpec('struct-ops')
  for (const [name, map] of spec.maps) map.autocreate = names.includes(name)
  for (const program of spec.programs.values()) program.autoload = false
  for (const name of SETS) {
    // The name is the first member, as the object declares the struct.
    const value = spec.maps.get(name).contents![0]!.value as Uint8Array
    value.fill(0, 0, NAME_SIZE)
    value.set(new TextEncoder().encode(operationsName(name)))
  }
  return spec
}

/** Takes away what processes that are gone have registered without a link, which outlives them. */
export function unregisterStale(): void {
  const key = new Uint8Array(4)
  for (const map of BpfMap.list()) {
    using each = map
    if (each.type !== 'struct_ops') continue
    const value = each.bytes().get(key)
    const owner = value === undefined ? undefined : NAME.exec(Buffer.from(value).toString('latin1'))?.[1]
    if (owner !== undefined && !existsSync(`/proc/${Number.parseInt(owner, 36)}`)) each.delete(key)
  }
}
