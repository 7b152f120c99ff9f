/**
 * What kernels can do with maps, beyond what the library itself depends on: for tests to be skipped by.
 *
 * @module
 */

import { featureSince } from '../../../src/abi/feature-since.ts'
import { BPF_F_RB_OVERWRITE } from '../../../src/abi/generated/flags.ts'
import { attachTypeSince, mapTypeSince } from '../../../src/abi/since.ts'
import { NotSupportedError } from '../../../src/base/errors.ts'
import { kernelBtf } from '../../../src/kernel/btf.ts'
import { answerOf, tryMap } from '../../../src/kernel/probes/experiment.ts'
import { haveMapType } from '../../../src/kernel/probes/have-map-type.ts'
import { defineFeature, type Feature } from '../../../src/kernel/probes/probe.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { pageSize } from '../../../src/syscalls/mmap.ts'

/** Maps of type `bloom_filter`. */
export const bloomFilters: Feature = defineFeature('A Bloom filter', mapTypeSince.bloom_filter, token =>
  answerOf(tryMap(token, 'bloom_filter', { key_size: 0 })),
)

/** Maps of type `rhash`. */
export const resizableHashes: Feature = defineFeature('A resizable hash', mapTypeSince.rhash, () =>
  haveMapType('rhash'),
)

/** Maps of type `sockmap`. */
export const socketMaps: Feature = defineFeature('A map of sockets', mapTypeSince.sockmap, () =>
  haveMapType('sockmap'),
)

/** Maps of operations of the kernel, where it has a congestion control that can be one. */
export const structOpsMaps: Feature = defineFeature('A struct_ops map', mapTypeSince.struct_ops, () =>
  kernelBtf().find('bpf_struct_ops_tcp_congestion_ops', 'struct') === undefined
    ? 'no'
    : haveMapType('struct_ops'),
)

/** Links of such maps. */
export const structOpsLink: Feature = defineFeature(
  'A link of a struct_ops map',
  attachTypeSince.struct_ops,
  () =>
    structOpsMaps.probe() === 'yes' && kernelBtf().find('bpf_struct_ops_link', 'struct') !== undefined
      ? 'yes'
      : 'no',
)

/** Reading and deleting an element of a hash at once. */
export const hashLookupAndDelete: Feature = defineFeature(
  'Lookup and delete of a hash',
  featureSince.hashLookupAndDelete,
  () => {
    using map = BpfMap.create({ name: 'probe', type: 'hash', keySize: 4, valueSize: 4, maxEntries: 1 })
    return tried(() => map.getAndDelete(new Uint8Array(4)))
  },
)

/** Batches of maps of type `percpu_array`. */
export const perCpuArrayBatch: Feature = defineFeature(
  'Batches of a per-CPU array',
  featureSince.perCpuArrayBatch,
  () => {
    using map = BpfMap.create({
      name: 'probe',
      type: 'percpu_array',
      keySize: 4,
      valueSize: 4,
      maxEntries: 1,
    })
    return tried(() => map.getBatch().next())
  },
)

function tried(experiment: () => void): 'yes' | 'no' {
  try {
    experiment()
    return 'yes'
  } catch (error) {
    if (error instanceof NotSupportedError) return 'no'
    throw error
  }
}

/** Ring buffers that overwrite their oldest records. */
export const overwritingRings: Feature = defineFeature(
  'A ring buffer that overwrites its records',
  '6.19',
  token =>
    answerOf(
      tryMap(token, 'ringbuf', {
        key_size: 0,
        value_size: 0,
        max_entries: pageSize(),
        map_flags: BPF_F_RB_OVERWRITE,
      }),
    ),
)
