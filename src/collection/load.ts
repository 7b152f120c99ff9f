/**
 * The pipeline from specs to what can be loaded: types, maps, linked and relocated programs.
 *
 * Source: libbpf `bpf_object_load`, `bpf_object__create_maps`, `bpf_object__relocate`.
 *
 * @module
 */

import { type CoreFailure, relocateCore } from '../btf/core.ts'
import { BpfError } from '../errors.ts'
import { kernelBtf, moduleBtfs } from '../kernel/index.ts'
import {
  BpfMap,
  type CreateMapOptions,
  createdSpec,
  incompatibilities,
  isMapOfMaps,
  type MapContent,
  type MapSpec,
} from '../maps/index.ts'
import type { LoadOptions, Program, ProgramSpec } from '../programs/index.ts'
import type { Cleanup } from './cleanup.ts'
import { type LoadedTypes, loadTypes } from './kernel-types.ts'
import { linkFunctions } from './link-functions.ts'
import type { CollectionSpec } from './spec.ts'

/** How to load a collection. */
export interface CollectionOptions {
  /** Directory on a bpffs that pins of maps are below: by name, or at a relative `pinPath`. Default: `/sys/fs/bpf`. */
  pinPath?: string
  /**
   * Maps to use instead of creating those of the spec, by name. They stay the caller's: the collection works with a
   * descriptor of its own. Type, sizes and flags must be those of the spec (`ERR_MAP_INCOMPATIBLE`).
   */
  maps?: Readonly<Record<string, BpfMap>>
  /** What the verifier logs of successful loads; as `LoadOptions.logLevel`. */
  logLevel?: number
  /** Bytes of the first log buffer; as `LoadOptions.logSize`. */
  logSize?: number
}

/** What `prepare` made. */
export interface Prepared {
  readonly maps: Map<string, BpfMap>
  /** Programs to load, in order: name, spec with linked and relocated instructions, options. */
  readonly programs: [name: string, spec: ProgramSpec, options: LoadOptions][]
  /** The object's types in the kernel; maps and programs hold them once they are loaded. */
  readonly types: LoadedTypes | undefined
}

/** Creates the maps and makes the programs ready to be loaded. Everything goes into `cleanup`. */
export function prepare(spec: CollectionSpec, options: CollectionOptions, cleanup: Cleanup): Prepared {
  const linked = linkPrograms(spec)
  const types =
    spec.btf === undefined
      ? undefined
      : loadTypes(
          spec.btf,
          linked.map(([, program]) => program.instructions),
        )
  if (types !== undefined) cleanup.add(types)
  const maps = createMaps(spec, options, types, cleanup)
  const programs = linked.map(([name, program, poisoned]): Prepared['programs'][number] => {
    const loadOptions: LoadOptions = { maps: map => maps.get(map), poisoned }
    if (types !== undefined) loadOptions.btf = types
    if (options.logLevel !== undefined) loadOptions.logLevel = options.logLevel
    if (options.logSize !== undefined) loadOptions.logSize = options.logSize
    return [name, program, loadOptions]
  })
  return { maps, programs, types }
}

/** Joins each program that is to be loaded with its functions, and applies its CO-RE relocations. */
function linkPrograms(spec: CollectionSpec): [string, ProgramSpec, CoreFailure[]][] {
  const programs: [string, ProgramSpec, CoreFailure[]][] = []
  for (const [name, program] of spec.programs) {
    if (program.autoload === false) continue
    const btf = program.btf ?? spec.btf
    try {
      const linked = linkFunctions(program.instructions, spec.functions)
      const { instructions, failures } =
        btf === undefined
          ? { instructions: linked, failures: [] }
          : relocateCore(linked, btf, { kernel: kernelBtf, modules: moduleBtfs })
      programs.push([name, { ...program, instructions }, failures])
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      throw new BpfError(`Cannot load program ${name}: ${error.message}`, { code: error.code, cause: error })
    }
  }
  return programs
}

function createMaps(
  spec: CollectionSpec,
  options: CollectionOptions,
  types: LoadedTypes | undefined,
  cleanup: Cleanup,
): Map<string, BpfMap> {
  const maps = new Map<string, BpfMap>()
  const given = options.maps ?? {}
  for (const name of Object.keys(given)) spec.maps.get(name)
  // Maps of maps come last: their contents are the other maps.
  const ordered = [...spec.maps].sort(
    ([, a], [, b]) => Number(isMapOfMaps(a.type)) - Number(isMapOfMaps(b.type)),
  )
  for (const [name, map] of ordered) {
    const replacement = Object.hasOwn(given, name) ? given[name] : undefined
    const handle =
      replacement === undefined ? createMap(map, options, types, maps) : takeReplacement(map, replacement)
    maps.set(name, cleanup.add(handle))
  }
  // Back in the order of the spec.
  return new Map([...spec.maps.keys()].map(name => [name, maps.get(name)!]))
}

/** A handle of our own for a map that the caller gave: programs were compiled for its sizes, so it must have them. */
function takeReplacement(spec: MapSpec, map: BpfMap): BpfMap {
  const differences = incompatibilities(createdSpec(spec), map.info())
  if (differences.length === 0) return map.clone()
  throw new BpfError(`Cannot use map ${map.name} as map ${spec.name}: ${differences.join(', ')}`, {
    code: 'ERR_MAP_INCOMPATIBLE',
  })
}

function createMap(
  spec: MapSpec,
  options: CollectionOptions,
  types: LoadedTypes | undefined,
  maps: ReadonlyMap<string, BpfMap>,
): BpfMap {
  const createOptions: CreateMapOptions = {
    resolve: reference => ('map' in reference ? maps.get(reference.map) : undefined),
  }
  if (types !== undefined && spec.btf !== undefined) createOptions.btfFd = types.fd
  if (options.pinPath !== undefined) createOptions.pinPath = options.pinPath
  // Programs come into their arrays once they are loaded.
  return BpfMap.create(
    { ...spec, contents: spec.contents?.filter(each => !isProgram(each)) ?? [] },
    createOptions,
  )
}

type ProgramContent = MapContent & { value: { program: string } }

function isProgram(content: MapContent): content is ProgramContent {
  return !(content.value instanceof Uint8Array) && 'program' in content.value
}

/** Puts loaded programs where the contents of program arrays name them; those not loaded are left out. */
export function fillPrograms(
  spec: CollectionSpec,
  maps: ReadonlyMap<string, BpfMap>,
  programs: ReadonlyMap<string, Program>,
): void {
  for (const [name, { contents }] of spec.maps) {
    for (const content of contents ?? []) {
      if (!isProgram(content)) continue
      const program = programs.get(content.value.program)
      if (program !== undefined) maps.get(name)!.set(content.key, program)
    }
  }
}
