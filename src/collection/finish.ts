/**
 * What loaded programs and maps have to do with each other: programs in the elements of maps, constants that belong to
 * programs.
 *
 * @module
 */

import { CONSTANTS } from '../elf/object/data.ts'
import type { BpfMap } from '../maps/map.ts'
import type { MapContent } from '../maps/spec.ts'
import type { Program } from '../programs/program.ts'
import { bpf } from '../syscalls/bpf.ts'
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
 * Binds the sections of constants to every program, also to those that do not use them: `bpftool prog show` finds the
 * metadata of a program (`bpf_metadata_*`) in them, and they live as long as it does. Older kernels do without. Since Linux
 * 5.10. Source: libbpf `bpf_object_load_prog`.
 */
export function bindConstants(
  maps: ReadonlyMap<string, BpfMap<unknown, unknown>>,
  programs: ReadonlyMap<string, Program>,
): void {
  for (const [name, map] of maps) {
    if (!name.startsWith(CONSTANTS)) continue
    for (const program of programs.values()) bpf('prog_bind_map', { prog_fd: program.fd, map_fd: map.fd })
  }
}
