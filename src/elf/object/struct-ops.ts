/**
 * `struct_ops` maps: variables whose type is a struct of operations of the kernel, such as `tcp_congestion_ops`. What
 * is not a function pointer is its initial value, and function pointers name programs.
 *
 * Source: libbpf `init_struct_ops_maps`, `bpf_object__collect_st_ops_relos`.
 *
 * @module
 */

import { BPF_F_LINK } from '../../abi/generated/flags.ts'
import type { Btf } from '../../btf/btf.ts'
import type { BtfMember, BtfStruct } from '../../btf/types.ts'
import type { MapSpec } from '../../maps/spec.ts'
import type { ElfFile } from '../file.ts'
import type { ElfSection } from '../headers.ts'
import type { ObjectSymbols } from './symbols.ts'

/** `?` keeps the maps of a section from being created; those of `.link` are attached by a link. */
const SECTION = /^(\??)\.struct_ops(\.link)?$/

/** A map that was read, and where its variable lies. */
interface PlacedMap {
  readonly spec: MapSpec
  readonly type: BtfStruct
  readonly start: number
}

/** Reads the maps of all sections of that kind, by name, in the order of the file. */
export function readStructOps(
  elf: ElfFile,
  btf: Btf | undefined,
  symbols: ObjectSymbols,
): Map<string, MapSpec> {
  const maps = new Map<string, MapSpec>()
  for (const section of elf.sections) {
    if (!SECTION.test(section.name) || section.size === 0) continue
    const placed = readSection(elf, section, btf)
    setPrograms(elf, section, placed, symbols)
    for (const { spec, start } of placed) {
      if (maps.has(spec.name)) throw elf.error(`Two maps are called ${spec.name}`, section, start)
      maps.set(spec.name, spec)
    }
  }
  return maps
}

function readSection(elf: ElfFile, section: ElfSection, btf: Btf | undefined): PlacedMap[] {
  const [, optional, link] = SECTION.exec(section.name)!
  const sectionType = btf?.findType('datasec', section.name)
  if (btf === undefined || sectionType === undefined)
    throw elf.error('The object has operations for the kernel, but no BTF that declares them', section)
  const reader = elf.reader(section)
  let end = 0
  return sectionType.variables.map(({ type: variableId, offset: start }) => {
    const variable = btf.type(variableId)
    if (variable.kind !== 'var')
      throw elf.error(`BTF type ${variableId} of a map is not a variable`, section, start)
    const { name } = variable
    const valueTypeId = btf.resolve(variable.type)
    const type = btf.type(valueTypeId)
    if (type.kind !== 'struct' || type.name === '')
      throw elf.error(`Map ${name} is not a struct with a name`, section, start)
    // Bounds what the maps of a section are in all.
    if (start < end || type.members.length > type.size * 8)
      throw elf.error(`Map ${name} shares its bytes with another, or with members of its own`, section, start)
    end = start + type.size
    const spec: MapSpec = {
      name,
      type: 'struct_ops',
      keySize: 4,
      valueSize: type.size,
      maxEntries: 1,
      flags: link === undefined ? 0 : BPF_F_LINK,
      btf,
      valueTypeId,
      // A copy: it may be edited.
      contents: [
        { key: new Uint8Array(4), value: new Uint8Array(reader.slice(start, type.size, `map ${name}`)) },
      ],
      programs: new Map(),
      autocreate: optional === '',
    }
    return { spec, type, start }
  })
}

/** Each relocation of the section sets a function pointer to a program. */
function setPrograms(
  elf: ElfFile,
  section: ElfSection,
  maps: readonly PlacedMap[],
  symbols: ObjectSymbols,
): void {
  const members = new Map<number, { spec: MapSpec; member: BtfMember }>()
  for (const { spec, type, start } of maps)
    for (const member of type.members) members.set(start + member.bitOffset / 8, { spec, member })
  for (const { offset, symbol } of elf.relocations(section)) {
    const found = members.get(offset)
    if (found === undefined) throw elf.error('Relocation of no member of a map', section, offset)
    const { spec, member } = found
    const fail = (reason: string): Error =>
      elf.error(`Map ${spec.name}: member ${member.name} ${reason}`, section, offset)
    if (!isFunctionPointer(spec.btf!, member.type)) throw fail('is not a pointer to a function')
    const target = elf.sectionOf(symbol)
    const at = symbol.value + elf.reader(section).i32(offset)
    const program = target === undefined ? undefined : symbols.functionAt(target, at)
    if (program === undefined) throw fail(`is set to ${symbol.name}, which is not a program`)
    spec.programs!.set(member.name, program)
  }
}

function isFunctionPointer(btf: Btf, id: number): boolean {
  const pointer = btf.resolved(id)
  return pointer.kind === 'ptr' && btf.resolved(pointer.type).kind === 'func_proto'
}
