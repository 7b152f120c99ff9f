/**
 * Description of everything in an object, before it is loaded. Pure but for reading the file.
 *
 * @module
 */

import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Instruction } from '../asm/instruction.ts'
import { type ByteOrder, hostByteOrder } from '../base/bytes.ts'
import type { Btf } from '../btf/btf.ts'
import type { DataVariable } from '../elf/object/data.ts'
import { type ObjectOptions, parseObject } from '../elf/object/object.ts'
import { readRegularFile } from '../kernel/read-file.ts'
import { copyMapSpec, type MapSpec } from '../maps/spec.ts'
import type { ExternSpec } from '../programs/extern-spec.ts'
import { copyInstructions, copyProgramSpec, type ProgramSpec } from '../programs/spec.ts'
import { Named, type NamedTypes } from './named.ts'
import type { CollectionShape, ShapeNames, ShapeVariableSpecs } from './shape.ts'
import { VariableSpec } from './variable-spec.ts'

/** Bytes that an object file may have; compilers write some megabytes at most, with debug information. */
const MAX_OBJECT_SIZE = 512 << 20

/** What a collection consists of; everything may be left out. */
export interface CollectionParts {
  programs?: Iterable<readonly [string, ProgramSpec]>
  maps?: Iterable<readonly [string, MapSpec]>
  /** Variables in the contents of `maps`. */
  variables?: Iterable<DataVariable>
  /** Functions that programs may call. */
  functions?: Iterable<readonly [string, Instruction[]]>
  /** Why there are no programs, where there should be some. */
  noPrograms?: string | undefined
  /** What the kernel, or the caller, is to define; their types are in `btf`. */
  externs?: Iterable<readonly [string, ExternSpec]>
  /** Types of programs and maps. */
  btf?: Btf | undefined
  /** Default: the host's. */
  byteOrder?: ByteOrder
}

/**
 * The specs of an object: edit them, then `Collection.load`.
 *
 * @typeParam S its maps, programs and variables, for the compiler; see {@link CollectionShape}
 */
export class CollectionSpec<S extends CollectionShape = CollectionShape> {
  /** Programs by name. */
  readonly programs: Named<ProgramSpec, ShapeNames<S, 'programs'>>
  /** Maps by name, data sections by the name of the section. */
  readonly maps: Named<MapSpec, ShapeNames<S, 'maps'>>
  /** Global variables by name. */
  readonly variables: NamedTypes<ShapeVariableSpecs<S>>
  /** Functions that programs call, by name. */
  readonly functions: Named<Instruction[]>
  /**
   * Why the code of the object yields no program, as in "the object has no programs: ..."; `undefined` when it does. A
   * collection with this reason and without programs does not load.
   */
  readonly noPrograms: string | undefined
  /** What the object does not define, by name: options of the kernel's configuration, its variables and functions. */
  readonly externs: Named<ExternSpec>
  /** Types of the programs and maps; `undefined` when the object has none. */
  readonly btf: Btf | undefined
  /** Byte order that the object was compiled for. */
  readonly byteOrder: ByteOrder

  /** Makes a collection of parts; `parse` and `fromFile` take them from an object. */
  constructor(parts: CollectionParts = {}) {
    this.btf = parts.btf
    this.byteOrder = parts.byteOrder ?? hostByteOrder
    this.noPrograms = parts.noPrograms
    this.functions = new Named('function', parts.functions)
    this.externs = new Named('extern', parts.externs)
    this.programs = new Named('program', parts.programs)
    this.maps = new Named('map', parts.maps)
    const maps: Named<MapSpec> = this.maps
    const variables = new Named<VariableSpec>('variable')
    for (const variable of parts.variables ?? []) {
      // Static variables of several files may share a name: the first one has it.
      if (variables.has(variable.name) || !maps.has(variable.sectionName)) continue
      const map = maps.get(variable.sectionName)
      variables.set(variable.name, new VariableSpec(variable, map, this.byteOrder))
    }
    this.variables = variables as NamedTypes<ShapeVariableSpecs<CollectionShape>> as NamedTypes<
      ShapeVariableSpecs<S>
    >
  }

  /**
   * Reads a compiled object. Works on every operating system.
   *
   * @typeParam S shape of the object, which is not checked
   * @param bytes an ELF64 relocatable BPF object
   * @param file name for error messages
   * @throws ObjectFileError when it is truncated, malformed, or not a BPF object
   */
  static parse<S extends CollectionShape = CollectionShape>(
    bytes: Uint8Array,
    file?: string,
    options?: ObjectOptions,
  ): CollectionSpec<S> {
    if (!(bytes instanceof Uint8Array)) {
      throw new TypeError(
        'CollectionSpec.parse takes the bytes of an object; CollectionSpec.fromFile reads a file',
      )
    }
    return new CollectionSpec<S>(parseObject(bytes, file, options))
  }

  /**
   * Reads a compiled object from a file; as `parse`.
   *
   * @param file a path, or a `file:` URL such as `new URL('./mine.bpf.o', import.meta.url)`
   * @typeParam S shape of the object, which is not checked
   * @throws BpfError with the errno's name as code when the file cannot be read, `ERR_NOT_A_FILE` when it is not a regular
   *   file, `EFBIG` when it is larger than 512 MiB
   * @throws TypeError for a URL of another scheme
   */
  static fromFile<S extends CollectionShape = CollectionShape>(
    file: string | URL,
    options?: ObjectOptions,
  ): CollectionSpec<S> {
    if (file instanceof URL && file.protocol !== 'file:') {
      throw new TypeError(`Cannot read ${file.href}: not a file: URL`)
    }
    const path = file instanceof URL ? fileURLToPath(file) : file
    return CollectionSpec.parse<S>(readRegularFile(path, MAX_OBJECT_SIZE), basename(path), options)
  }

  /** A deep copy that can be edited alone. */
  copy(): CollectionSpec<S> {
    const copy = new CollectionSpec({
      programs: [...this.programs].map(([name, spec]) => [name, copyProgramSpec(spec)] as const),
      maps: [...this.maps].map(([name, spec]) => [name, copyMapSpec(spec)] as const),
      functions: [...this.functions].map(([name, body]) => [name, copyInstructions(body)] as const),
      noPrograms: this.noPrograms,
      externs: this.externs,
      btf: this.btf,
      byteOrder: this.byteOrder,
    })
    for (const [name, variable] of this.variables) {
      if (copy.maps.has(variable.sectionName))
        copy.variables.set(name, variable.in(copy.maps.get(variable.sectionName)))
    }
    return copy as CollectionSpec<S>
  }
}
