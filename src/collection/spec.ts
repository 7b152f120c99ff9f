/**
 * Description of everything in an object, before it is loaded. Pure but for reading the file.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { Instruction } from '../asm/instruction.ts'
import { type ByteOrder, hostByteOrder } from '../base/bytes.ts'
import { fileError } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import type { DataVariable } from '../elf/object/data.ts'
import { type ObjectOptions, parseObject } from '../elf/object/object.ts'
import { copyMapSpec, type MapSpec } from '../maps/spec.ts'
import type { ExternSpec } from '../programs/extern-spec.ts'
import { copyInstructions, copyProgramSpec, type ProgramSpec } from '../programs/spec.ts'
import { Named } from './named.ts'
import { VariableSpec } from './variable-spec.ts'

/** What a collection consists of; everything may be left out. */
export interface CollectionParts {
  programs?: Iterable<readonly [string, ProgramSpec]>
  maps?: Iterable<readonly [string, MapSpec]>
  /** Variables in the contents of `maps`. */
  variables?: Iterable<DataVariable>
  /** Functions that programs may call. */
  functions?: Iterable<readonly [string, Instruction[]]>
  /** What the kernel is to define; their types are in `btf`. */
  externs?: Iterable<readonly [string, ExternSpec]>
  /** Types of programs and maps. */
  btf?: Btf | undefined
  /** Default: the host's. */
  byteOrder?: ByteOrder
}

/** The specs of an object: edit them, then `Collection.load`. */
export class CollectionSpec {
  /** Programs by name. */
  readonly programs: Named<ProgramSpec>
  /** Maps by name, data sections by the name of the section. */
  readonly maps: Named<MapSpec>
  /** Global variables by name. */
  readonly variables: Named<VariableSpec>
  /** Functions that programs call, by name. */
  readonly functions: Named<Instruction[]>
  /** What the kernel is to define, by name: options of its configuration, its variables and functions. */
  readonly externs: Named<ExternSpec>
  /** Types of the programs and maps; `undefined` when the object has none. */
  readonly btf: Btf | undefined
  /** Byte order that the object was compiled for. */
  readonly byteOrder: ByteOrder

  /** Makes a collection of parts; `parse` and `fromFile` take them from an object. */
  constructor(parts: CollectionParts = {}) {
    this.programs = new Named('program', parts.programs)
    this.maps = new Named('map', parts.maps)
    this.functions = new Named('function', parts.functions)
    this.externs = new Named('extern', parts.externs)
    this.variables = new Named('variable')
    this.btf = parts.btf
    this.byteOrder = parts.byteOrder ?? hostByteOrder
    for (const variable of parts.variables ?? []) {
      // Static variables of several files may share a name: the first one has it.
      if (this.variables.has(variable.name) || !this.maps.has(variable.sectionName)) continue
      const map = this.maps.get(variable.sectionName)
      this.variables.set(variable.name, new VariableSpec(variable, map, this.byteOrder))
    }
  }

  /**
   * Reads a compiled object. Works on every operating system.
   *
   * @param bytes an ELF64 relocatable BPF object
   * @param file name for error messages
   * @throws ObjectFileError when it is truncated, malformed, or not a BPF object
   */
  static parse(bytes: Uint8Array, file?: string, options?: ObjectOptions): CollectionSpec {
    return new CollectionSpec(parseObject(bytes, file, options))
  }

  /**
   * Reads a compiled object from a file; as `parse`.
   *
   * @throws BpfError with the errno's name as code when the file cannot be read
   */
  static fromFile(path: string, options?: ObjectOptions): CollectionSpec {
    let bytes: Uint8Array
    try {
      bytes = readFileSync(path)
    } catch (error) {
      throw fileError(`Cannot read ${path}`, error)
    }
    return CollectionSpec.parse(bytes, basename(path), options)
  }

  /** A deep copy that can be edited alone. */
  copy(): CollectionSpec {
    const copy = new CollectionSpec({
      programs: [...this.programs].map(([name, spec]) => [name, copyProgramSpec(spec)] as const),
      maps: [...this.maps].map(([name, spec]) => [name, copyMapSpec(spec)] as const),
      functions: [...this.functions].map(([name, body]) => [name, copyInstructions(body)] as const),
      externs: this.externs,
      btf: this.btf,
      byteOrder: this.byteOrder,
    })
    for (const [name, variable] of this.variables) {
      if (copy.maps.has(variable.sectionName))
        copy.variables.set(name, variable.in(copy.maps.get(variable.sectionName)))
    }
    return copy
  }
}
