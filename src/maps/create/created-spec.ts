/**
 * The spec of a map as it is created on this machine.
 *
 * Source: libbpf `bpf_object__create_map`, `adjust_ringbuf_sz`.
 *
 * @module
 */

import { mapTypes } from '../../abi/generated/enums.ts'
import { BPF_F_NUMA_NODE } from '../../abi/generated/flags.ts'
import { enumName, enumNumber } from '../../abi/names.ts'
import { nrCpuIds } from '../../kernel/cpus.ts'
import { describeMap } from '../describe.ts'
import { ringSize } from '../kinds/ring-buffer.ts'
import { mapKind, usualSize } from '../kinds.ts'
import type { MapSpec } from '../spec.ts'

/**
 * Completes a spec with what follows from the type and from the machine.
 *
 * @throws RangeError for an unknown type, or a size that is not a 32-bit number
 */
export function createdSpec(spec: MapSpec): MapSpec {
  const type = enumName(mapTypes, enumNumber(mapTypes, spec.type, 'map type'))
  const complete: MapSpec = { ...spec, type }
  if (typeof spec.name !== 'string')
    throw new TypeError(
      `Cannot create a map of type ${type}: its name must be a string, not ${typeof spec.name}`,
    )
  for (const field of ['keySize', 'valueSize', 'maxEntries', 'flags'] as const) {
    const value = spec[field] ?? 0
    if (!Number.isInteger(value) || value < 0 || value > 0xffffffff) {
      throw new RangeError(`Cannot create ${describeMap(complete)}: ${field} ${value} is not a 32-bit number`)
    }
    complete[field] = value
  }
  if (spec.numaNode !== undefined) complete.flags = (complete.flags! | BPF_F_NUMA_NODE) >>> 0
  const { keySize, valueSize, capacity } = mapKind(type)
  complete.keySize ||= usualSize(keySize) ?? 0
  complete.valueSize ||= usualSize(valueSize) ?? 0
  if (capacity === 'cpus') complete.maxEntries = atMost(nrCpuIds(), complete.maxEntries!)
  else if (capacity === 'bytes') complete.maxEntries = ringSize(complete.maxEntries!)
  return complete
}

/** One slot per CPU number is all that can be used, and the most that a cpumap may have; 0 stands for them. */
function atMost(cpus: number, wanted: number): number {
  return wanted === 0 || wanted > cpus ? cpus : wanted
}
