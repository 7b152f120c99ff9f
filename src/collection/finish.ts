/**
 * What loaded programs and maps have to do with each other: programs in the elements of maps, constants that belong to
 * programs.
 *
 * @module
 */

import { NotSupportedError } from '../base/errors.ts'
import { CONSTANTS } from '../elf/object/data.ts'
import type { BpfMap } from '../maps/map.ts'
import type { MapContent } from '../maps/spec.ts'
import type { MapResolver } from '../programs/passes/maps.ts'
import type { Program } from '../programs/program.ts'
import type { CollectionSpec } from './spec.ts'

type ProgramContent = MapContent & { value: { program: string } }

/** Whether an element is a program, which comes in once it is loaded. */
export function isProgram(content: MapContent): content is ProgramContent {
  return !(content.value instanceof Uint8Array) && 'program' in content.value
}

/** Puts loaded programs where the contents of program arrays name them; those not loaded are left out. */
export function fillPrograms(
  spec: CollectionSpec,
  maps: ReadonlyMap<string, BpfMap<unknown, unknown>>,
  programs: ReadonlyMap<string, Program>,
): void {
  for (const [name, { contents }] of spec.maps) {
    for (const content of contents ?? []) {
      if (!isProgram(content)) continue
      const program = programs.get(content.value.program)
      if (program !== undefined) maps.get(name)?.bytes().set(content.key, program)
    }
  }
}

/**
 * The resolver of maps of one program, which takes the sections of constants that it asks for from `unused`: the program
 * holds these itself.
 */
export function resolverOf(
  maps: ReadonlyMap<string, BpfMap<unknown, unknown>>,
  unused: Set<string>,
): MapResolver {
  if (unused.size === 0) return name => maps.get(name)
  return name => {
    unused.delete(name)
    return maps.get(name)
  }
}

/** Names of the maps that are sections of constants. */
export function constantSections(maps: ReadonlyMap<string, unknown>): string[] {
  return [...maps.keys()].filter(name => name.startsWith(CONSTANTS))
}

/**
 * Binds the sections of constants to the programs that do not use them: `bpftool prog show` finds the metadata of a
 * program (`bpf_metadata_*`) in them, and they live as long as it does. Kernels before 5.10 do without. Source: libbpf
 * `bpf_object_load_prog`.
 *
 * @param unused the sections that each program does not use, by its name
 * @throws BpfError when the kernel refuses
 */
export function bindConstants(
  maps: ReadonlyMap<string, BpfMap<unknown, unknown>>,
  programs: ReadonlyMap<string, Program>,
  unused: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  for (const [name, sections] of unused) {
    for (const section of sections) {
      try {
        programs.get(name)!.bindMap(maps.get(section)!)
      } catch (error) {
        if (error instanceof NotSupportedError) return
        throw error
      }
    }
  }
}
