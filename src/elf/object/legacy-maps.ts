/**
 * Maps as they were defined before BTF: variables in section `maps`, or `maps/NAME`, whose bytes are the definition.
 *
 * Source: libbpf 0.8 `bpf_object__init_user_maps`; iproute2 lib/bpf_legacy.c `bpf_maps_attach_all`.
 *
 * @module
 */

import { mapTypes } from '../../abi/generated/enums.ts'
import { enumName } from '../../abi/names.ts'
import type { Btf } from '../../btf/btf.ts'
import { copyMapSpec, type MapSpec } from '../../maps/spec.ts'
import type { ElfFile } from '../file.ts'
import type { ElfSection } from '../headers.ts'
import {
  holdsMaps,
  type LegacyMapDecoder,
  type LegacyMapDefinition,
  type LegacyMapLayout,
  type LegacyMapMembers,
  readLegacyMembers,
} from './legacy-layouts.ts'
import type { ObjectSymbols } from './symbols.ts'

/** A definition that was read, and where it lies. */
interface LegacyMap {
  readonly spec: MapSpec
  readonly members: LegacyMapMembers
  readonly section: ElfSection
  readonly offset: number
}

/** What the `maps` sections define. */
export interface LegacyMaps {
  /** By name, in the order of sections and offsets. */
  readonly maps: ReadonlyMap<string, MapSpec>
  /** The first map with each `id`. */
  readonly byId: ReadonlyMap<number, MapSpec>
  /** Key of an element of an array. */
  indexKey(index: number): Uint8Array
}

/** Bytes that every layout has: up to max entries. */
const MIN_SIZE = 16

/** Reads all maps of the `maps` sections. */
export function readLegacyMaps(
  elf: ElfFile,
  btf: Btf | undefined,
  symbols: ObjectSymbols,
  layout?: LegacyMapLayout | LegacyMapDecoder,
): LegacyMaps {
  const maps = new Map<string, LegacyMap>()
  for (const section of elf.sections) {
    if (symbols.isLegacyMaps(section)) readSection(maps, { elf, section, btf, symbols, layout })
  }
  if (maps.size > 0) joinInnerMaps(elf, [...maps.values()])
  const byId = new Map<number, MapSpec>()
  for (const { spec, members } of maps.values()) {
    const { id } = members
    if (id !== undefined && !byId.has(id)) byId.set(id, spec)
  }
  return {
    maps: new Map([...maps].map(([name, { spec }]) => [name, spec])),
    byId,
    indexKey: index => indexKey(elf, index),
  }
}

interface Source {
  readonly elf: ElfFile
  readonly section: ElfSection
  readonly btf: Btf | undefined
  readonly symbols: ObjectSymbols
  readonly layout: LegacyMapLayout | LegacyMapDecoder | undefined
}

/** Adds the maps that a section defines. */
function readSection(maps: Map<string, LegacyMap>, { elf, section, btf, symbols, layout }: Source): void {
  for (const { name, offset, bytes } of cutSection(elf, section, symbols)) {
    if (maps.has(name)) throw elf.error(`Two maps are called ${name}`, section, offset)
    const definition = { name, position: maps.size, bytes, numbers: numbersOf(elf, section, offset, bytes) }
    const fail = (reason: string): Error => elf.error(`Map ${name}: ${reason}`, section, offset)
    const members = readLegacyMembers(definition, layout, fail)
    maps.set(name, { spec: specOf(definition, members, btf, fail), members, section, offset })
  }
}

/**
 * Cuts a section into definitions. What lies between them must be padding, or definitions without a symbol: linkers leave
 * those of weak maps that another one replaces.
 */
function* cutSection(
  elf: ElfFile,
  section: ElfSection,
  symbols: ObjectSymbols,
): Generator<{ name: string; offset: number; bytes: Uint8Array }> {
  const data = elf.reader(section).slice(0, section.size, 'maps')
  const own = symbols.legacyMapsIn(section)
  let end = 0
  const checkPadding = (until: number): void => {
    const isDefinition = until - end >= MIN_SIZE && (until - end) % 4 === 0
    if (own.length > 0 && isDefinition) return
    if (data.subarray(end, until).some(byte => byte !== 0))
      throw elf.error('Bytes that belong to no map', section, end)
  }
  for (const [index, { name, value: offset, size: known }] of own.entries()) {
    const limit = own[index + 1]?.value ?? section.size
    // Symbols from assembly may have no size; then the definitions share the section.
    const size = known === 0 ? limit - offset : known
    if (offset + size > limit) {
      throw elf.error(`Map ${name} of ${size} bytes has room for ${limit - offset}`, section, offset)
    }
    if (size < MIN_SIZE) throw elf.error(`Map ${name} is defined by ${size} bytes only`, section, offset)
    checkPadding(offset)
    yield { name, offset, bytes: data.subarray(offset, offset + size) }
    end = offset + size
  }
  checkPadding(section.size)
}

function numbersOf(elf: ElfFile, section: ElfSection, offset: number, bytes: Uint8Array): number[] {
  const reader = elf.reader(section)
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => reader.u32(offset + index * 4))
}

function specOf(
  { name, numbers }: LegacyMapDefinition,
  { pinning, pinPath, numaNode }: LegacyMapMembers,
  btf: Btf | undefined,
  fail: (reason: string) => Error,
): MapSpec {
  const [type = 0, keySize = 0, valueSize = 0, maxEntries = 0, flags = 0] = numbers
  if (type === 0) throw fail('its definition has no type')
  const spec: MapSpec = { name, type: enumName(mapTypes, type), keySize, valueSize, maxEntries, flags }
  if (pinning !== undefined) spec.pinning = pinning
  if (pinPath !== undefined) spec.pinPath = pinPath
  if (numaNode !== undefined) spec.numaNode = numaNode
  if (btf !== undefined) annotate(spec, btf)
  return spec
}

/** Types of key and value, which `BPF_ANNOTATE_KV_PAIR` gives as the members of a struct named after the map. */
function annotate(spec: MapSpec, btf: Btf): void {
  const [key, value, ...others] = btf.findType('struct', `____btf_map_${spec.name}`)?.members ?? []
  if (key?.name !== 'key' || value?.name !== 'value' || others.length > 0) return
  if (btf.sizeOf(key.type) !== spec.keySize || btf.sizeOf(value.type) !== spec.valueSize) return
  Object.assign(spec, { btf, keyTypeId: key.type, valueTypeId: value.type })
}

/** Gives maps of maps their templates, and the inner maps that they begin with. */
function joinInnerMaps(elf: ElfFile, maps: readonly LegacyMap[]): void {
  const byId = new Map<number, LegacyMap[]>()
  for (const map of maps) {
    const { id } = map.members
    if (id === undefined) continue
    const same = byId.get(id)
    if (same === undefined) byId.set(id, [map])
    else same.push(map)
  }
  const { maxInnerMaps } = elf.limits
  let total = 0
  for (const { spec, members, section, offset } of maps) {
    const { innerId, innerPosition } = members
    if ((innerId === undefined && innerPosition === undefined) || !holdsMaps(spec)) continue
    const fail = (reason: string): Error => elf.error(`Map ${spec.name}: ${reason}`, section, offset)
    const inner =
      innerPosition === undefined ? (byId.get(innerId!) ?? []) : maps.slice(innerPosition, innerPosition + 1)
    const [template] = inner
    if (template === undefined) {
      const wanted = innerPosition === undefined ? `with id ${innerId}` : `at position ${innerPosition}`
      throw fail(`no map ${wanted} exists for its inner maps`)
    }
    if (holdsMaps(template.spec)) {
      throw fail(`its inner map ${template.spec.name} is a map of maps itself`)
    }
    spec.innerMap = { ...copyMapSpec(template.spec), name: `${spec.name}.inner` }
    delete spec.innerMap.pinning
    delete spec.innerMap.pinPath
    total += inner.length
    if (total > maxInnerMaps) throw fail(`more than ${maxInnerMaps} inner maps (option maxInnerMaps)`)
    const contents = inner.flatMap(({ spec: { name: map }, members: { innerIndex } }) =>
      innerIndex === undefined ? [] : [{ key: indexKey(elf, innerIndex), value: { map } }],
    )
    if (contents.length === 0) continue
    if (spec.keySize !== 4) throw fail(`its keys have ${spec.keySize} bytes, but its inner maps have indexes`)
    spec.contents = contents
  }
}

function indexKey({ byteOrder }: ElfFile, index: number): Uint8Array {
  const key = new Uint8Array(4)
  new DataView(key.buffer).setUint32(0, index, byteOrder === 'little')
  return key
}
