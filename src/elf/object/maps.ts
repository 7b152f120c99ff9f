/**
 * BTF-defined maps: the variables of section `.maps`, whose types say everything.
 *
 * A number is the length of an array behind a pointer, `int (*max_entries)[128]`, or the value of an enumerator; a
 * type is what a pointer points to, `struct event *value`.
 *
 * Source: libbpf `bpf_object__init_user_btf_map`, `parse_btf_map_def`, `bpf_object__collect_map_relos`.
 *
 * @module
 */

import { mapTypes } from '../../abi/generated/enums.ts'
import { BPF_F_NUMA_NODE } from '../../abi/generated/flags.ts'
import { enumName } from '../../abi/names.ts'
import { ObjectFileError } from '../../base/errors.ts'
import { countUpTo } from '../../base/sorted.ts'
import type { Btf } from '../../btf/btf.ts'
import type { BtfMember, BtfStruct } from '../../btf/types.ts'
import { mapKind } from '../../maps/kinds.ts'
import type { MapContent, MapSpec } from '../../maps/spec.ts'
import type { ElfFile } from '../file.ts'
import type { ElfSection } from '../headers.ts'
import type { ObjectSymbols } from './symbols.ts'

const POINTER_SIZE = 8
const PIN_BY_NAME = 1

/** A definition being read: the map, and where the slots of its static contents begin. */
interface Definition {
  spec: MapSpec
  /** Bytes from the start of the variable to `values`; `undefined` without contents. */
  valuesAt: number | undefined
}

/** A definition that was read, and its bytes in the section. */
interface PlacedDefinition extends Definition {
  start: number
  end: number
}

/** Reads all maps of an object, by name, in the order of the section. */
export function readMaps(
  elf: ElfFile,
  section: ElfSection,
  btf: Btf,
  symbols: ObjectSymbols,
): Map<string, MapSpec> {
  const maps = new Map<string, MapSpec>()
  const sectionType = btf.findType('datasec', section.name)
  if (sectionType === undefined) throw elf.error('The object has maps, but no BTF that defines them', section)
  const starts: PlacedDefinition[] = []
  const tags = declarationTags(btf)
  for (const { type: variableId, offset, size } of sectionType.variables) {
    const variable = btf.type(variableId)
    if (variable.kind !== 'var')
      throw elf.error(`BTF type ${variableId} of a map is not a variable`, section, offset)
    // Another object defines it; its offset here means nothing.
    if (variable.linkage === 'extern') continue
    const { name } = variable
    if (maps.has(name)) throw elf.error(`Two maps are called ${name}`, section, offset)
    const type = btf.resolved(variable.type)
    if (type.kind !== 'struct') throw elf.error(`Map ${name} is not defined by a struct`, section, offset)
    const reader = new DefinitionReader(btf, name, reason =>
      elf.error(`Map ${name}: ${reason}`, section, offset),
    )
    const { spec, valuesAt } = reader.read(type)
    const own = tags.get(variableId)
    if (own !== undefined) spec.tags = own
    maps.set(name, spec)
    starts.push({ spec, start: offset, end: offset + size, valuesAt })
  }
  starts.sort((a, b) => a.start - b.start)
  for (const { offset, symbol } of elf.relocations(section)) {
    const owner = definitionAt(starts, offset)
    if (owner?.valuesAt === undefined || offset < owner.start + owner.valuesAt) {
      throw elf.error('Relocation outside of the contents of a map', section, offset)
    }
    const slot = (offset - owner.start - owner.valuesAt) / POINTER_SIZE
    const target = elf.sectionOf(symbol)
    const value =
      target === undefined
        ? undefined
        : contentOf(symbols.functionAt(target, symbol.value), symbols.mapAt(target, symbol.value))
    if (value === undefined || !Number.isInteger(slot)) {
      throw elf.error(
        `Map ${owner.spec.name} contains ${symbol.name}, which is neither map nor program`,
        section,
        offset,
      )
    }
    const key = new Uint8Array(4)
    new DataView(key.buffer).setUint32(0, slot, elf.byteOrder === 'little')
    owner.spec.contents ??= []
    owner.spec.contents.push({ key, value })
  }
  return maps
}

/** The definition that an offset lies in, of definitions in the order of their starts. */
function definitionAt(
  definitions: readonly PlacedDefinition[],
  offset: number,
): PlacedDefinition | undefined {
  const found = definitions[countUpTo(definitions, offset, each => each.start) - 1]
  return found !== undefined && offset < found.end ? found : undefined
}

function contentOf(program: string | undefined, map: string | undefined): MapContent['value'] | undefined {
  if (program !== undefined) return { program }
  return map === undefined ? undefined : { map }
}

/** The list of a key, which is added when missing. */
function listIn<K, T>(lists: Map<K, T[]>, key: K): T[] {
  const list = lists.get(key) ?? []
  lists.set(key, list)
  return list
}

/** Tags by the id of the declaration that they are on. */
function declarationTags(btf: Btf): Map<number, string[]> {
  const tags = new Map<number, string[]>()
  btf.forEachId(id => {
    if (btf.kind(id) !== 'decl_tag') return
    const tag = btf.type(id)
    if (tag.kind === 'decl_tag' && tag.component === -1) listIn(tags, tag.type).push(tag.name)
  })
  return tags
}

class DefinitionReader {
  readonly #btf: Btf
  readonly #name: string
  /** Makes an error about the map. */
  readonly #error: (reason: string) => Error

  constructor(btf: Btf, name: string, error: (reason: string) => Error) {
    this.#btf = btf
    this.#name = name
    this.#error = error
  }

  read(type: BtfStruct, inner = false): Definition {
    const spec: MapSpec = { name: this.#name, type: 'unspec', btf: this.#btf }
    let valuesAt: number | undefined
    const seen = new Set<string>()
    for (const [index, member] of type.members.entries()) {
      if (seen.has(member.name)) throw this.#error(`two members ${member.name} of its definition`)
      seen.add(member.name)
      switch (member.name) {
        case 'type':
          spec.type = enumName(mapTypes, this.#number(member))
          break
        case 'max_entries':
          spec.maxEntries = this.#number(member)
          break
        case 'map_flags':
          spec.flags = this.#number(member)
          break
        case 'numa_node':
          spec.numaNode = this.#number(member)
          break
        case 'map_extra':
          spec.mapExtra = this.#wideNumber(member)
          break
        case 'key_size':
          spec.keySize = this.#same('key size', spec.keySize, this.#number(member))
          break
        case 'value_size':
          spec.valueSize = this.#same('value size', spec.valueSize, this.#number(member))
          break
        case 'key':
          spec.keyTypeId = this.#pointee(member)
          spec.keySize = this.#same('key size', spec.keySize, this.#sizeOf('key', spec.keyTypeId))
          break
        case 'value':
          this.#value(spec, member)
          break
        case 'pinning':
          spec.pinning = this.#pinning(member, inner)
          break
        case 'values':
          if (index !== type.members.length - 1) throw this.#error('values is not the last member')
          this.#values(spec, member, inner)
          valuesAt = member.bitOffset / 8
          break
        default:
          throw this.#error(`unknown member ${JSON.stringify(member.name)} of its definition`)
      }
    }
    // As with libbpf, a node is of no matter without the flag.
    if (((spec.flags ?? 0) & BPF_F_NUMA_NODE) === 0) delete spec.numaNode
    if (spec.type === 'unspec') throw this.#error('its definition has no type')
    if (isRingBuffer(spec)) {
      // A ring buffer has no values: what is written there is the type of its records.
      spec.valueSize = 0
    }
    return { spec, valuesAt }
  }

  /** The type of a value; of an array without elements, its element: ring buffers say so what their records are. */
  #value(spec: MapSpec, member: BtfMember): void {
    const id = this.#pointee(member)
    const type = this.#btf.resolved(id)
    spec.valueTypeId = type.kind === 'array' && type.count === 0 ? type.type : id
    spec.valueSize = this.#same('value size', spec.valueSize, this.#sizeOf('value', id))
  }

  #sizeOf(what: 'key' | 'value', id: number): number {
    try {
      return this.#btf.sizeOf(id)
    } catch (error) {
      // Such as a struct that is only declared.
      if (!(error instanceof ObjectFileError)) throw error
      throw this.#error(`the size of its ${what} is not known: ${error.reason}`)
    }
  }

  #same(what: string, known: number | undefined, size: number): number {
    if (known !== undefined && known !== size) throw this.#error(`its ${what} is ${known} and ${size}`)
    return size
  }

  #pinning(member: BtfMember, inner: boolean): NonNullable<MapSpec['pinning']> {
    const value = this.#number(member)
    if (inner && value !== 0) throw this.#error('an inner map cannot be pinned')
    // Other loaders have numbers of their own.
    if (value > PIN_BY_NAME) return value
    return value === PIN_BY_NAME ? 'by_name' : 'none'
  }

  #values(spec: MapSpec, member: BtfMember, inner: boolean): void {
    if (inner) throw this.#error('an inner map cannot have contents')
    const array = this.#btf.resolved(member.type)
    const pointer = array.kind === 'array' ? this.#btf.resolved(array.type) : undefined
    const element = pointer?.kind === 'ptr' ? this.#btf.resolved(pointer.type) : undefined
    if (mapKind(spec.type).values === 'map' && element?.kind === 'struct') {
      spec.innerMap = { ...this.read(element, true).spec, name: `${this.#name}.inner` }
    } else if (!(spec.type === 'prog_array' && element?.kind === 'func_proto')) {
      throw this.#error(`a map of type ${spec.type} cannot have these values`)
    }
    spec.valueSize = this.#same('value size', spec.valueSize, 4)
  }

  /** What a member points to. */
  #pointee(member: BtfMember): number {
    const type = this.#btf.resolved(member.type)
    if (type.kind !== 'ptr') throw this.#error(`member ${member.name} is not a pointer`)
    return type.type
  }

  #number(member: BtfMember): number {
    const value = this.#wideNumber(member)
    if (value > 0xffff_ffffn) throw this.#error(`${member.name} ${value} is not a 32-bit number`)
    return Number(value)
  }

  #wideNumber(member: BtfMember): bigint {
    const type = this.#btf.resolved(member.type)
    if (type.kind === 'enum' || type.kind === 'enum64') {
      const [only, ...others] = type.values
      if (only === undefined || others.length > 0) throw this.#error(`${member.name} is not one number`)
      return BigInt.asUintN(64, BigInt(only.value))
    }
    const array = type.kind === 'ptr' ? this.#btf.resolved(type.type) : undefined
    if (array?.kind !== 'array') throw this.#error(`member ${member.name} is not a number`)
    return BigInt(array.count)
  }
}

function isRingBuffer({ type }: MapSpec): boolean {
  return mapKind(type).capacity === 'bytes'
}
