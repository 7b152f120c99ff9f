/**
 * From the specs of an object to what can be loaded: prepared programs, types, maps.
 *
 * Source: libbpf `bpf_object_load`, `bpf_object__create_maps`, `bpf_object__relocate`.
 *
 * @module
 */

import { requireSpec } from '../base/arguments.ts'
import { hostByteOrder } from '../base/bytes.ts'
import { EINVAL } from '../base/errno.ts'
import { BpfError, withReason } from '../base/errors.ts'
import { suggestion } from '../base/nearest.ts'
import type { Btf } from '../btf/btf.ts'
import type { CoreTargets } from '../btf/core/relocate.ts'
import { KCONFIG_SECTION } from '../elf/object/externs.ts'
import { kernelBtf, moduleBtfs } from '../kernel/btf.ts'
import { resolveToken } from '../kernel/tokens/automatic.ts'
import type { TokenOptions } from '../kernel/tokens/handle.ts'
import { readBtfFile } from '../kernel/types/btf-file.ts'
import { incompatibilities } from '../maps/compatible.ts'
import { createdSpec } from '../maps/create/created-spec.ts'
import type { CreateMapOptions } from '../maps/create/options.ts'
import { describeMap } from '../maps/describe.ts'
import { mapKind } from '../maps/kinds.ts'
import { BpfMap } from '../maps/map.ts'
import type { MapSpec } from '../maps/spec.ts'
import { isKconfig } from '../programs/extern-spec.ts'
import { withoutTypes } from '../programs/load-error.ts'
import type { LoadOptions } from '../programs/load-options.ts'
import { KernelExterns } from '../programs/passes/kernel-externs.ts'
import { hashOfPrepared } from '../programs/passes/program-hash.ts'
import { type PreparedProgram, prepareProgram } from '../programs/prepare.ts'
import type { Cleanup } from './cleanup.ts'
import { enlargedMap, enlargedTypes } from './enlarged.ts'
import { constantSections, isProgram, resolverOf } from './finish.ts'
import { type Kconfig, kconfigValues } from './kconfig.ts'
import { type LoadedTypes, loadTypes } from './kernel-types.ts'
import type { CollectionShape, ShapeNames } from './shape.ts'
import type { CollectionSpec } from './spec.ts'
import { type StructOpsImage, StructOpsMaps } from './struct-ops.ts'

/**
 * How to load a collection.
 *
 * @typeParam S shape of the object, for the names of its maps
 */
export interface CollectionOptions<S extends CollectionShape = CollectionShape> extends TokenOptions {
  /** Directory on a bpffs that pins of maps are below: by name, or at a relative `pinPath`. Default: `/sys/fs/bpf`. */
  pinPath?: string
  /**
   * Maps to use instead of creating those of the spec, by name. They stay the caller's: the collection works with a
   * descriptor of its own. Type, sizes and flags must be those of the spec (`ERR_MAP_INCOMPATIBLE`).
   */
  maps?: { readonly [N in ShapeNames<S, 'maps'>]?: BpfMap<unknown, unknown> }
  /**
   * Maps that inner maps are like, by the name of the map of maps: for those that the object does not describe. Default:
   * `innerMap` of the spec.
   */
  innerMaps?: { readonly [N in ShapeNames<S, 'maps'>]?: BpfMap<unknown, unknown> }
  /**
   * Addresses of symbols that the object uses and does not define, by name: these are not looked up in the kernel.
   * Functions are defined in `CollectionSpec.functions`.
   */
  externs?: Readonly<Record<string, number | bigint>>
  /** What the verifier logs of successful loads; as `LoadOptions.logLevel`. */
  logLevel?: number
  /** Bytes of the first log buffer; as `LoadOptions.logSize`. */
  logSize?: number
  /**
   * Options of the kernel's configuration that go before those it was built with: text as in `.config`, or values by
   * name. Default: none.
   */
  kconfig?: Kconfig
  /**
   * Types of the running kernel for CO-RE, where it was built without BTF: parsed, or a file for `readBtfFile`. Modules
   * are not searched then. All else that needs types of the kernel (fentry, LSM, kfuncs) needs those it has itself.
   */
  kernelTypes?: Btf | string
}

/** Maps that are created, and programs to load. */
export interface Prepared {
  readonly maps: Map<string, BpfMap<unknown, unknown>>
  /** Programs to load, in order. */
  readonly programs: [name: string, program: PreparedProgram, options: LoadOptions][]
  /** By name of a program, the sections of constants that it does not use: known once it is loaded. */
  readonly unusedConstants: ReadonlyMap<string, ReadonlySet<string>>
  /** The object's types in the kernel; maps and programs hold them once they are loaded. */
  readonly types: LoadedTypes | undefined
  /** Modules whose symbols the programs refer to; programs hold them once they are loaded. */
  readonly externs: Disposable
  /** The `struct_ops` maps. */
  readonly structOps: StructOpsMaps
}

/** Creates the maps and makes the programs ready to be loaded. Everything goes into `cleanup`. */
export function prepare(spec: CollectionSpec, given: CollectionOptions, cleanup: Cleanup): Prepared {
  requireSpec(
    spec,
    'Collection.load',
    'CollectionSpec',
    'programs',
    'CollectionSpec.fromFile reads an object file',
  )
  if (spec.programs.size === 0 && spec.noPrograms !== undefined) {
    throw new BpfError(`Cannot load the object: it has no programs: ${spec.noPrograms}`, {
      code: 'ERR_INVALID_SPEC',
    })
  }
  // One token for everything.
  const token: TokenOptions['token'] = resolveToken(given.token) ?? false
  const options = { ...given, token }
  // What is in its maps is as foreign as its programs.
  if (spec.byteOrder !== hostByteOrder) {
    throw new BpfError(
      `Cannot load the object: it was compiled for ${spec.byteOrder}-endian machines, this one is ${hostByteOrder}-endian`,
      { code: 'ERR_INVALID_SPEC' },
    )
  }
  const structOps = cleanup.add(new StructOpsMaps(spec))
  const externs = cleanup.add(
    new KernelExterns(spec.externs, spec.btf, undefined, definedExterns(spec, options)),
  )
  const prepared = preparePrograms(spec, options, structOps, externs)
  const btf = spec.btf === undefined ? undefined : enlargedTypes(spec.btf, spec.maps.values())
  const loaded =
    btf === undefined
      ? undefined
      : loadTypes(
          btf,
          prepared.map(([, program]) => program.spec.instructions),
          token,
        )
  const [types, refusal] = loaded instanceof BpfError ? [undefined, loaded] : [loaded, undefined]
  if (types !== undefined) cleanup.add(types)
  const needed: MapNeeds = { btf, types, refusal, structOps: structOps.images, programs: new Map(prepared) }
  const maps = createMaps(spec, options, needed, cleanup)
  const { fdArray } = externs
  const constants = constantSections(maps)
  const unusedConstants = new Map<string, Set<string>>()
  const programs = prepared.map(([name, program]): Prepared['programs'][number] => {
    const unused = new Set(constants)
    unusedConstants.set(name, unused)
    const loadOptions: LoadOptions = { maps: resolverOf(maps, unused), token }
    const member = structOps.members.get(name)
    if (member !== undefined) loadOptions.structOps = member
    if (fdArray !== undefined) loadOptions.fdArray = fdArray
    if (types !== undefined) loadOptions.btf = types
    if (refusal !== undefined) loadOptions.btfRefusal = refusal
    if (options.logLevel !== undefined) loadOptions.logLevel = options.logLevel
    if (options.logSize !== undefined) loadOptions.logSize = options.logSize
    return [name, program, loadOptions]
  })
  return { maps, programs, unusedConstants, types, externs, structOps }
}

/** The addresses that the caller gives symbols of the object. */
function definedExterns(spec: CollectionSpec, { externs = {} }: CollectionOptions): Map<string, bigint> {
  return new Map(
    Object.entries(externs).map(([name, address]) => {
      spec.externs.get(name)
      return [name, addressOf(name, address)]
    }),
  )
}

function addressOf(name: string, address: number | bigint): bigint {
  if (typeof address === 'number' && !Number.isSafeInteger(address))
    throw new RangeError(`Extern ${name}: ${address} is not a safe integer`)
  const wide = BigInt(address)
  if (BigInt.asUintN(64, wide) !== wide)
    throw new RangeError(`Extern ${name}: ${address} is not a 64-bit number`)
  return wide
}

/** Runs each program that is to be loaded through the passes that need no maps. */
function preparePrograms(
  spec: CollectionSpec,
  { kernelTypes }: CollectionOptions,
  { autoload }: StructOpsMaps,
  externs: KernelExterns,
): [name: string, program: PreparedProgram][] {
  const missesMaps = [...spec.maps.values()].some(({ autocreate }) => autocreate === false)
  const context = {
    functions: spec.functions,
    btf: spec.btf,
    targets: coreTargets(kernelTypes),
    externs,
    isMissing: missesMaps
      ? (map: string) => spec.maps.has(map) && spec.maps.get(map).autocreate === false
      : undefined,
  }
  return [...spec.programs]
    .filter(([name, program]) => autoload.get(name) ?? program.autoload !== false)
    .map(([name, program]) => [name, prepareProgram(program, context)])
}

/** Where CO-RE looks for types. A file is read when the first relocation needs it. */
function coreTargets(given: Btf | string | undefined): CoreTargets {
  if (given === undefined) return { kernel: kernelBtf, modules: moduleBtfs }
  let types = typeof given === 'string' ? undefined : given
  return {
    kernel() {
      types ??= readBtfFile(String(given))
      return types
    },
  }
}

/** The maps of a spec, that of the kernel's configuration with its values. */
function mapSpecs(
  spec: CollectionSpec,
  { kconfig, maps = {} }: CollectionOptions,
  btf: Btf | undefined,
): [string, MapSpec][] {
  return [...spec.maps].map(([name, described]) => {
    const map = enlargedMap(described, btf)
    const options = name === KCONFIG_SECTION ? [...spec.externs.values()].filter(isKconfig) : []
    if (options.length === 0 || Object.hasOwn(maps, name)) return [name, map]
    const size = map.valueSize ?? 0
    const value = kconfigValues(options, { size, byteOrder: spec.byteOrder, given: kconfig })
    return [name, { ...map, contents: [{ key: new Uint8Array(4), value }] }]
  })
}

/** What maps need of the kernel's types, of the object's, and of its programs. */
interface MapNeeds {
  /** The object's types, with the arrays of sections that were made larger. */
  readonly btf: Btf | undefined
  readonly types: LoadedTypes | undefined
  /** Why the kernel does not have the object's types. */
  readonly refusal: BpfError | undefined
  readonly structOps: ReadonlyMap<string, StructOpsImage>
  /** Those that are to be loaded. */
  readonly programs: ReadonlyMap<string, PreparedProgram>
}

function createMaps(
  spec: CollectionSpec,
  options: CollectionOptions,
  types: MapNeeds,
  cleanup: Cleanup,
): Map<string, BpfMap<unknown, unknown>> {
  const maps = new Map<string, BpfMap<unknown, unknown>>()
  const given = options.maps ?? {}
  for (const name of [...Object.keys(given), ...Object.keys(options.innerMaps ?? {})]) spec.maps.get(name)
  // Maps of maps come last: their contents are the other maps.
  const ordered = mapSpecs(spec, options, types.btf).sort(
    ([, a], [, b]) => Number(hasMaps(a)) - Number(hasMaps(b)),
  )
  for (const [name, map] of ordered) {
    if (map.autocreate === false) continue
    const replacement = Object.hasOwn(given, name) ? given[name] : undefined
    const handle =
      replacement === undefined
        ? createMap([name, map], options, types, maps, cleanup)
        : takeReplacement(map, replacement)
    maps.set(name, cleanup.add(handle))
  }
  // Back in the order of the spec.
  return new Map([...spec.maps.keys()].flatMap(name => (maps.has(name) ? [[name, maps.get(name)!]] : [])))
}

function hasMaps({ type }: MapSpec): boolean {
  return mapKind(type).values === 'map'
}

/** A handle of our own for a map that the caller gave: programs were compiled for its sizes, so it must have them. */
function takeReplacement(spec: MapSpec, map: BpfMap<unknown, unknown>): BpfMap<unknown, unknown> {
  const differences = incompatibilities(createdSpec(spec), map.info())
  if (differences.length === 0) return map.clone()
  throw new BpfError(`Cannot use map ${map.name} as map ${spec.name}: ${differences.join(', ')}`, {
    code: 'ERR_MAP_INCOMPATIBLE',
  })
}

function createMap(
  [name, spec]: readonly [name: string, spec: MapSpec],
  options: CollectionOptions,
  { types, refusal, structOps, programs }: MapNeeds,
  maps: ReadonlyMap<string, BpfMap<unknown, unknown>>,
  cleanup: Cleanup,
): BpfMap<unknown, unknown> {
  const createOptions: CreateMapOptions = {
    token: options.token,
    resolve: reference => ('map' in reference ? maps.get(reference.map) : undefined),
  }
  if (types !== undefined && spec.btf !== undefined) createOptions.btfFd = types.fd
  if (spec.exclusiveProgram !== undefined) createOptions.exclusiveProgramHash = exclusiveHash(spec, programs)
  if (options.pinPath !== undefined) createOptions.pinPath = options.pinPath
  const { innerMaps = {} } = options
  const template = Object.hasOwn(innerMaps, name) ? innerMaps[name] : undefined
  if (template !== undefined) createOptions.innerMapFd = template.fd
  // Before the map itself: its descriptor is free again when the pin is taken back, which needs one.
  const onPin = (made: Disposable): void => void cleanup.add(made)
  const image = structOps.get(spec.name)
  if (image !== undefined) {
    createOptions.kernelValue = image
    // Its value needs the programs, and registers them.
    return BpfMap.createStep({ ...spec, valueSize: image.value.length, contents: [] }, createOptions, onPin)
  }
  // Programs come into their arrays once they are loaded.
  const contents = spec.contents?.filter(each => !isProgram(each)) ?? []
  try {
    return BpfMap.createStep({ ...spec, contents }, createOptions, onPin)
  } catch (error) {
    if (refusal === undefined || !(error instanceof BpfError) || error.errno !== EINVAL) throw error
    throw withReason(error, withoutTypes(refusal))
  }
}

/** The hash of the program that alone may use a map. */
function exclusiveHash(spec: MapSpec, programs: ReadonlyMap<string, PreparedProgram>): Uint8Array {
  const { exclusiveProgram: name = '' } = spec
  const program = programs.get(name)
  if (program !== undefined) return hashOfPrepared(program)
  const hint = suggestion(name, [...programs.keys()])
  throw new BpfError(
    `Cannot create ${describeMap(spec)}: it is for program ${JSON.stringify(name)} alone, which is not loaded${hint}`,
    { code: 'ERR_INVALID_SPEC' },
  )
}
