/**
 * Description of a map that is not created yet. Pure: no file descriptor, no kernel.
 *
 * @module
 */

import type { MapType } from '../abi/generated/enums.ts'
import type { Btf } from '../btf/btf.ts'

/** One initial element of a map. */
export interface MapContent {
  /** Raw key bytes. */
  key: Uint8Array
  /** Raw value bytes; or, for arrays of programs and maps of maps, what to put there, by name. */
  value: Uint8Array | { map: string } | { program: string }
}

/** A plain, editable description of a map. */
export interface MapSpec {
  /** Name; the kernel keeps 15 bytes of it, unless it is given another. */
  name: string
  /** Name that the kernel is given. An object's data sections have one: `'my_agent.bss'`. Default: `name`. */
  kernelName?: string
  /** Map type, or its number when the tables do not know it yet. */
  type: MapType | number
  /** Bytes of a key; 0 where the type has none. Default: the size that the type demands. */
  keySize?: number
  /**
   * Bytes of a value; of one CPU's value in a per-CPU map; 0 where the type has none. Default: the size that the type
   * demands, the smaller one where it takes two.
   */
  valueSize?: number
  /** Greatest number of elements; for a ring buffer its size in bytes. */
  maxEntries?: number
  /** `BPF_F_*` flags of map creation. */
  flags?: number
  /** NUMA node to allocate on; sets `BPF_F_NUMA_NODE` (Linux 4.14). */
  numaNode?: number
  /** Type-specific, such as the number of hash functions of a Bloom filter (Linux 5.16). */
  mapExtra?: bigint
  /** Network device that the map is bound to. */
  ifindex?: number
  /** Template of the inner maps of a map of maps. */
  innerMap?: MapSpec
  /** Elements to put in when the map is created. */
  contents?: MapContent[]
  /** Whether user space loses write access once `contents` are in (`BPF_MAP_FREEZE`, 5.2). */
  freeze?: boolean
  /**
   * `'by_name'`: reuse or create a pin named like the map below the pin path. A number is what the object says to a
   * loader of its own: such a map is created once this is set to what it means, or `pinPath` is set.
   */
  pinning?: 'none' | 'by_name' | number
  /**
   * Where on a bpffs to reuse or create a pin, instead of by name; unless absolute, below the pin path. With
   * `pinning: 'none'` the map is not pinned.
   */
  pinPath?: string
  /** BTF that the type ids belong to. */
  btf?: Btf
  /** BTF type of the key; 0 or absent when unknown. */
  keyTypeId?: number
  /** BTF type of the value; 0 or absent when unknown. */
  valueTypeId?: number
  /** BTF type of the records of a perf buffer, or of a ring buffer without `valueTypeId`; absent when unknown. */
  recordTypeId?: number
  /** `btf_decl_tag`s of the map's definition. */
  tags?: string[]
  /** Whether a collection creates it; `false` for maps of `SEC("?.struct_ops")`. Default: `true`. */
  autocreate?: boolean
  /** Name of the program of the collection that alone may use the map. Since Linux 6.18. */
  exclusiveProgram?: string
  /** Of a `struct_ops` map: names of the programs that its function pointers call, by name of the member. */
  programs?: Map<string, string>
}

/** Whether a name is one step of a path below a directory; names come from object files. */
export function isPathStep(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name)
}

/** Whether a map of an object holds its variables: such maps have the name of a section, others that of a C variable. */
export function isDataSection({ name }: Pick<MapSpec, 'name'>): boolean {
  return name.startsWith('.')
}

/** A deep copy that can be edited alone; `btf` is shared, since it is immutable. */
export function copyMapSpec(spec: MapSpec): MapSpec {
  const copy: MapSpec = { ...spec }
  if (spec.innerMap !== undefined) copy.innerMap = copyMapSpec(spec.innerMap)
  if (spec.tags !== undefined) copy.tags = [...spec.tags]
  if (spec.programs !== undefined) copy.programs = new Map(spec.programs)
  if (spec.contents !== undefined) {
    copy.contents = spec.contents.map(({ key, value }) => ({
      // Not slice(): that of a Buffer does not copy.
      key: new Uint8Array(key),
      value: value instanceof Uint8Array ? new Uint8Array(value) : { ...value },
    }))
  }
  return copy
}
