/**
 * Variables in an arena: those of address space 1 are the first bytes of the only arena of their object.
 *
 * Source: libbpf `init_arena_map_data`, `bpf_program__record_reloc`; of libbpf 1.7 they are the last bytes instead,
 * which does not matter to programs: they know them by name.
 *
 * @module
 */

import type { Btf } from '../../btf/btf.ts'
import type { MapSpec } from '../../maps/spec.ts'
import type { ElfFile } from '../file.ts'
import type { ElfSection } from '../headers.ts'
import type { ObjectFunction } from './code.ts'
import { type DataVariable, initialBytes, readVariables } from './data.ts'
import type { ObjectSymbols } from './symbols.ts'

/**
 * Gives the arena of an object its variables as initial contents, and turns references to their section into
 * references to the arena.
 *
 * @returns the variables, in the arena
 * @throws ObjectFileError when there are such variables, and no arena or several
 */
export function placeInArena(
  elf: ElfFile,
  btf: Btf | undefined,
  symbols: ObjectSymbols,
  { maps, functions }: { maps: ReadonlyMap<string, MapSpec>; functions: readonly ObjectFunction[] },
): DataVariable[] {
  const section = elf.sections.find(each => symbols.isArena(each) && each.size > 0)
  if (section === undefined) return []
  const arena = onlyArena(elf, section, maps)
  arena.contents = [{ key: new Uint8Array(0), value: initialBytes(elf, section) }]
  for (const { instructions } of functions) {
    for (const instruction of instructions) {
      const { reference } = instruction
      if (reference?.kind === 'map_value' && reference.name === section.name)
        instruction.reference = { ...reference, name: arena.name }
    }
  }
  return readVariables(elf, section, btf).map(each => ({ ...each, sectionName: arena.name }))
}

function onlyArena(elf: ElfFile, section: ElfSection, maps: ReadonlyMap<string, MapSpec>): MapSpec {
  const [arena, other] = [...maps.values()].filter(({ type }) => type === 'arena')
  if (arena === undefined)
    throw elf.error('The object has variables in an arena, but no map of type arena', section)
  if (other !== undefined)
    throw elf.error(
      `Variables are in arena ${arena.name} or in arena ${other.name}: only one can be`,
      section,
    )
  return arena
}
