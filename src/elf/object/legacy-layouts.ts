/**
 * Layouts of the definitions of maps from before BTF.
 *
 * Every layout begins with the same 32-bit numbers; the size of a definition identifies it:
 *
 * | bytes | where from | what follows type, key size, value size, max entries, flags |
 * |---|---|---|
 * | 20 | libbpf before 1.0, `struct bpf_map_def` | nothing; shorter ones, from 16 bytes, have no flags |
 * | 28 | the kernel's samples/bpf, where the map holds maps or has a NUMA node | `inner_map_idx`, `numa_node` |
 * | 28 | aya (Rust), iproute2 before 4.15 | `id`, `pinning` |
 * | 36 | iproute2, `struct bpf_elf_map` | `id`, `pinning`, `inner_id`, `inner_idx` |
 * | 280 | gobpf | `pinning`, `namespace[256]` |
 *
 * Source: libbpf 0.8 `bpf_object__init_user_maps`; iproute2 lib/bpf_legacy.c `bpf_maps_attach_all`; Linux 5.10
 * samples/bpf/bpf_load.c `load_maps`; gobpf elf/elf.go `getMapPath`.
 *
 * @module
 */

import { mapTypes } from '../../abi/generated/enums.ts'
import { BPF_F_NUMA_NODE } from '../../abi/generated/flags.ts'
import { enumName } from '../../abi/names.ts'
import { cString } from '../../base/bytes.ts'
import { mapKind } from '../../maps/kinds.ts'
import { isPathStep, type MapSpec } from '../../maps/spec.ts'

/** A definition of a map in a `maps` section. */
export interface LegacyMapDefinition {
  /** Name of the map. */
  readonly name: string
  /** Position among all such definitions of the object, from 0. */
  readonly position: number
  /** All of its bytes. */
  readonly bytes: Uint8Array
  /** The same as 32-bit numbers: type, key size, value size, max entries, flags, then what the layout adds. */
  readonly numbers: readonly number[]
}

/** What a definition says behind the flags. */
export interface LegacyMapMembers extends Pick<MapSpec, 'pinning' | 'pinPath' | 'numaNode'> {
  /** Number by which maps of maps refer to it. */
  id?: number
  /** Of a map of maps: `id` of the map that its inner maps are like. */
  innerId?: number
  /** Of a map of maps, instead of `innerId`: `position` of that map. */
  innerPosition?: number
  /** Key under which it is put into the maps of maps that refer to its `id`. Default: it is only their template. */
  innerIndex?: number
}

/**
 * Reads what a definition says behind the flags.
 *
 * @returns `undefined` to have it read as the layout of its size
 */
export type LegacyMapDecoder = (definition: LegacyMapDefinition) => LegacyMapMembers | undefined

/** Names of layouts, by the loaders that have them. */
export const legacyMapLayouts = ['libbpf', 'samples', 'aya', 'iproute2', 'gobpf'] as const
/** A layout: that of libbpf has nothing behind the flags, and what is there is ignored. */
export type LegacyMapLayout = (typeof legacyMapLayouts)[number]

/** Bytes of `struct bpf_map_def`, which all longer layouts begin with. */
const COMMON_SIZE = 20
/** `inner_idx` of a map that is a template alone. */
const NO_INDEX = 0xffff_ffff

/** Reads one layout; throws for what cannot be done. */
type LayoutReader = (definition: LegacyMapDefinition, fail: (reason: string) => Error) => LegacyMapMembers

/**
 * Reads what a definition says behind its flags.
 *
 * @param layout how; what a decoder returns nothing for, and all without one, as the layout of its size
 * @param fail makes an error about the map
 * @throws RangeError for an unknown layout
 */
export function readLegacyMembers(
  definition: LegacyMapDefinition,
  layout: LegacyMapLayout | LegacyMapDecoder | undefined,
  fail: (reason: string) => Error,
): LegacyMapMembers {
  if (typeof layout === 'string') {
    if (Object.hasOwn(READERS, layout)) return READERS[layout](definition, fail)
    throw new RangeError(
      `Unknown layout of maps ${JSON.stringify(layout)}: expected one of ${legacyMapLayouts.join(', ')}`,
    )
  }
  return layout?.(definition) ?? readBySize(definition, fail)
}

function readBySize(definition: LegacyMapDefinition, fail: (reason: string) => Error): LegacyMapMembers {
  const { bytes } = definition
  const reader = BY_SIZE[bytes.length]
  if (reader !== undefined) return reader(definition, fail)
  const rest = bytes.subarray(COMMON_SIZE)
  if (rest.every(byte => byte === 0)) return {}
  throw fail(
    `the ${rest.length} bytes behind its flags are not zero, and their layout is not known: give legacyMap, one of ${legacyMapLayouts.join(', ')} or a decoder`,
  )
}

const READERS: Readonly<Record<LegacyMapLayout, LayoutReader>> = {
  libbpf: () => ({}),
  samples: readSample,
  aya: readAya,
  iproute2: readIproute2,
  gobpf: readGobpf,
}

const BY_SIZE: Readonly<Record<number, LayoutReader>> = { 28: readShort, 36: readIproute2, 280: readGobpf }

/**
 * Two layouts have 28 bytes. Those of the kernel's samples use theirs in maps of maps, which refer to their inner map by
 * position, and in maps with a NUMA node; in all other maps both numbers are 0.
 */
function readShort(definition: LegacyMapDefinition, fail: (reason: string) => Error): LegacyMapMembers {
  const [type = 0, , , , flags = 0] = definition.numbers
  const isSample = holdsMaps({ type: enumName(mapTypes, type) }) || (flags & BPF_F_NUMA_NODE) !== 0
  return (isSample ? readSample : readAya)(definition, fail)
}

function readSample({ numbers }: LegacyMapDefinition): LegacyMapMembers {
  const [type = 0, , , , flags = 0, innerPosition = 0, numaNode = 0] = numbers
  return {
    ...(holdsMaps({ type: enumName(mapTypes, type) }) && { innerPosition }),
    ...((flags & BPF_F_NUMA_NODE) !== 0 && { numaNode }),
  }
}

function readAya({ name, numbers }: LegacyMapDefinition, fail: (reason: string) => Error): LegacyMapMembers {
  const [id = 0, pinning = 0] = numbers.slice(5)
  return { ...(id !== 0 && { id }), ...(pinning !== 0 && pinningOf(name, pinning, fail)) }
}

/** Numbers of 0 mean none. Without the hash of the object's file, what is pinned for the object is pinned by name. */
function readIproute2(
  { name, numbers }: LegacyMapDefinition,
  fail: (reason: string) => Error,
): LegacyMapMembers {
  const [id = 0, pinning = 0, innerId = 0, innerIndex = 0] = numbers.slice(5)
  const members: LegacyMapMembers = {}
  if (id !== 0) members.id = id
  if (innerId !== 0) members.innerId = innerId
  else if (id !== 0 && innerIndex !== NO_INDEX) members.innerIndex = innerIndex
  return { ...members, ...pinningOf(name, pinning, fail) }
}

/** What a number says of pinning: as iproute2 has them, the first two as libbpf and aya too. */
function pinningOf(
  name: string,
  pinning: number,
  fail: (reason: string) => Error,
): Pick<MapSpec, 'pinning' | 'pinPath'> {
  switch (pinning) {
    case 0:
      return { pinning: 'none' }
    case 1:
      return { pinning: 'by_name' }
    case 2:
      if (!isPathStep(name)) throw fail(`it cannot be pinned as ${JSON.stringify(name)}`)
      return { pinPath: `tc/globals/${name}` }
    default:
      return { pinning }
  }
}

function readGobpf(
  { name, bytes, numbers }: LegacyMapDefinition,
  fail: (reason: string) => Error,
): LegacyMapMembers {
  const pinning = numbers[5] ?? 0
  if (pinning === 0) return { pinning: 'none' }
  if (pinning !== 2) return { pinning }
  const namespace = cString(bytes.subarray(24))
  if (!namespace.split('/').every(isPathStep))
    throw fail(`it cannot be pinned in namespace ${JSON.stringify(namespace)}`)
  if (!isPathStep(name)) throw fail(`it cannot be pinned as ${JSON.stringify(name)}`)
  return { pinPath: `${namespace}/globals/${name}` }
}

/** Whether the values of a map are maps. */
export function holdsMaps({ type }: Pick<MapSpec, 'type'>): boolean {
  return mapKind(type).values === 'map'
}
