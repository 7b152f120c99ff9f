/**
 * Whether the running kernel has a map type.
 *
 * Source: libbpf libbpf_probes.c `probe_map_create`.
 *
 * @module
 */

import { type MapType, mapTypes } from '../../abi/generated/enums.ts'
import { BPF_F_MMAPABLE, BPF_F_NO_PREALLOC } from '../../abi/generated/flags.ts'
import { enumName, enumNumber } from '../../abi/names.ts'
import { ENOTSUPP } from '../../base/errno.ts'
import type { AttrFields } from '../../syscalls/attr.ts'
import type { TokenHandle, TokenOptions } from '../tokens/handle.ts'
import { addInt, answerOf, discard, loadTypes, makeMap, tryMap } from './experiment.ts'
import { Answers, type ProbeAnswer } from './probe.ts'

/** `bpf_map_create` as the type wants it; key and value of 4 bytes and one element where nothing else is said. */
const shapes: Readonly<Partial<Record<MapType, AttrFields<'map_create'>>>> = {
  stack_trace: { value_size: 8 },
  lpm_trie: { key_size: 8, value_size: 8, map_flags: BPF_F_NO_PREALLOC },
  // `struct bpf_cgroup_storage_key`.
  cgroup_storage: { key_size: 16, value_size: 8, max_entries: 0 },
  percpu_cgroup_storage: { key_size: 16, value_size: 8, max_entries: 0 },
  queue: { key_size: 0 },
  stack: { key_size: 0 },
  bloom_filter: { key_size: 0 },
  // Whole pages, and a power of two, whatever the size of a page.
  ringbuf: { key_size: 0, value_size: 0, max_entries: 1 << 16 },
  user_ringbuf: { key_size: 0, value_size: 0, max_entries: 1 << 16 },
  // No type of this number is a struct of operations: the kernel looks it up and says ENOTSUPP.
  struct_ops: { btf_vmlinux_value_type_id: 1 },
  arena: { key_size: 0, value_size: 0, map_flags: BPF_F_MMAPABLE },
  // `struct bpf_insn_array_value`.
  insn_array: { value_size: 16 },
  rhash: { map_flags: BPF_F_NO_PREALLOC },
}

/** Maps that hang on kernel objects; the kernel wants to know the types of their keys and values. */
const LOCAL_STORAGE: readonly (MapType | number)[] = [
  'sk_storage',
  'inode_storage',
  'task_storage',
  'cgrp_storage',
]

const answers = new Answers<number>()

/**
 * Whether the running kernel has a map type, found out by creating such a map; a certain answer is kept, for each token.
 *
 * @param type a name, or its number, also one that the tables do not know
 * @returns `'unknown'` when this process may not create it, or something else is in the way
 * @throws RangeError when no map type has this name
 */
export function haveMapType(type: MapType | number, options: TokenOptions = {}): ProbeAnswer {
  const number = enumNumber(mapTypes, type, 'map type')
  return answers.ask(number, options.token, token => probe(token, enumName(mapTypes, number), number))
}

function probe(token: TokenHandle | undefined, type: MapType | number, number: number): ProbeAnswer {
  if (number === mapTypes.unspec) return 'no'
  if (LOCAL_STORAGE.includes(type)) return probeLocalStorage(token, number)
  if (type === 'array_of_maps' || type === 'hash_of_maps') return probeMapOfMaps(token, number)
  const shape = Object.hasOwn(shapes, type) ? shapes[type as MapType] : undefined
  const result = tryMap(token, number, shape)
  if (type === 'struct_ops' && result === -ENOTSUPP) return 'yes'
  return answerOf(result)
}

function probeLocalStorage(token: TokenHandle | undefined, type: number): ProbeAnswer {
  const btf = loadTypes(token, addInt)
  // Kernels without BTF have none of these maps.
  if (btf < 0) return answerOf(btf)
  const result = tryMap(token, type, {
    max_entries: 0,
    map_flags: BPF_F_NO_PREALLOC,
    btf_fd: btf,
    btf_key_type_id: 1,
    btf_value_type_id: 1,
  })
  discard(btf)
  return answerOf(result)
}

function probeMapOfMaps(token: TokenHandle | undefined, type: number): ProbeAnswer {
  const inner = makeMap(token, 'hash')
  if (inner < 0) return answerOf(inner)
  const result = tryMap(token, type, { inner_map_fd: inner })
  discard(inner)
  return answerOf(result)
}
