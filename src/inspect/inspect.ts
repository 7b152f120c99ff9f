/**
 * What is in an object, told without a kernel, as one plain document.
 *
 * @module
 */

import { BPF_F_SLEEPABLE } from '../abi/constants.ts'
import { coreRelocationKinds, helpers } from '../abi/generated/enums.ts'
import { enumName } from '../abi/names.ts'
import { type Instruction, isHelperCall } from '../asm/instruction.ts'
import { unlessRefused } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { CWriter } from '../btf/text/c-type.ts'
import type { CollectionSpec } from '../collection/spec.ts'
import type { VariableSpec } from '../collection/variable-spec.ts'
import type { MapSpec } from '../maps/spec.ts'
import type { ExternSpec } from '../programs/extern-spec.ts'
import { InitialValues } from './initial-values.ts'
import { type JoinOptions, type LinkedProgram, linkedPrograms, relocationSubject } from './linked.ts'
import { type KernelNeeds, mapNeeds, programNeeds, slotsOf, summarizeNeeds } from './needs.ts'

/** A type of the object. */
export interface InspectedType {
  /** As C names it: `'struct event'`, `'__u32'`. */
  readonly type: string
  /** Its definition in C, when it is a struct, union, enum, or a typedef of one. */
  readonly definition: string | null
}

/** CO-RE relocations of one kind about the same thing. */
export interface InspectedRelocation {
  /** As in `enum bpf_core_relo_kind`: `'field_byte_offset'`. */
  readonly kind: string
  /** What the kernel is asked for: `'struct task_struct.pid'`. */
  readonly subject: string
  /** How many instructions ask. */
  readonly count: number
}

/** A program of an object. */
export interface InspectedProgram {
  readonly name: string
  /** Section name, with `?` and target. */
  readonly section: string | null
  /** `'unspec'` when the section name says nothing. */
  readonly type: string | number
  readonly attachType: string | number | null
  /** What it is attached to: the part of the section name after `/`. */
  readonly target: string | null
  readonly license: string
  /** Whether it is loaded: as its section says; of operations, when a map that is created has it. */
  readonly autoload: boolean
  readonly sleepable: boolean
  /** `BPF_F_*` flags. */
  readonly flags: number
  /** 8-byte slots of the program with its subprograms, before CO-RE. */
  readonly instructions: number
  /** Functions that it calls or takes the address of, and its exception callback, in the order in which they are linked. */
  readonly subprograms: readonly string[]
  /** Helpers that it calls, with `bpf_`, in the order of their numbers. */
  readonly helpers: readonly string[]
  /** Maps that it uses; data sections by the name of the section. */
  readonly maps: readonly string[]
  /** What it leaves to the kernel to define. */
  readonly externs: readonly string[]
  readonly relocations: readonly InspectedRelocation[]
  readonly needs: KernelNeeds
}

/** A map of an object, or the template of the inner maps of one. */
export interface InspectedMap {
  readonly name: string
  readonly type: string | number
  readonly keySize: number
  readonly valueSize: number
  readonly maxEntries: number
  readonly flags: number
  readonly mapExtra: bigint
  /** A number has a meaning only for the loader that the object was made for. */
  readonly pinning: 'none' | 'by_name' | number
  readonly pinPath: string | null
  readonly key: InspectedType | null
  readonly value: InspectedType | null
  /** Type of the records of a perf buffer or ring buffer, where that is not the type of its values. */
  readonly record: InspectedType | null
  readonly inner: InspectedMap | null
  /** Number of elements that are put in when it is created. */
  readonly contents: number
  /** Whether user space loses write access then. */
  readonly frozen: boolean
  /** Whether it is created when the object is loaded. */
  readonly autocreate: boolean
  /** Of a `struct_ops` map: which programs its members are set to. */
  readonly programs: readonly { readonly member: string; readonly program: string }[]
  readonly tags: readonly string[]
  readonly needs: KernelNeeds
}

/** A global variable of an object. */
export interface InspectedVariable {
  readonly name: string
  /** Its data section, which is also the name of its map. */
  readonly section: string
  /** Bytes from the start of the section. */
  readonly offset: number
  readonly size: number
  /** Whether programs and the verifier count on its value. */
  readonly constant: boolean
  /** Its declaration in C, without a semicolon: `'char comm[16]'`; `null` without a type. */
  readonly declaration: string | null
  /**
   * Initial value, decoded; its bytes without a type, or when they are in the byte order of another machine; `null`
   * beyond the limits.
   */
  readonly value: unknown
}

/** Something that the kernel is to define. */
export interface InspectedExtern {
  readonly name: string
  readonly kind: ExternSpec['kind']
  readonly weak: boolean
  /** Its declaration in C, without a semicolon; `null` when only its address is asked for. */
  readonly declaration: string | null
}

/** Version of the document; a change that readers must know of gives another. */
const VERSION: Inspection['version'] = 1

/** What is in an object. */
export interface Inspection {
  readonly version: 1
  readonly byteOrder: 'little' | 'big'
  /** License of the programs; `''` without one. */
  readonly license: string
  readonly programs: readonly InspectedProgram[]
  /** Why the code of the object yields no program; `null` when it does, or the object has no code. */
  readonly noPrograms: string | null
  readonly maps: readonly InspectedMap[]
  readonly variables: readonly InspectedVariable[]
  readonly externs: readonly InspectedExtern[]
  /** What the maps and the programs that are loaded by default need. */
  readonly needs: KernelNeeds
}

/** Limits of `inspectObject`, for objects that are not trusted: what is beyond them is `null`, unless it says else. */
export interface InspectOptions extends JoinOptions {
  /** Characters of C that types are written with. Default: 16,777,216. */
  maxCharacters?: number
  /** Members and elements of the initial values of variables, in all; text and bytes count once. Default: 262,144. */
  maxValues?: number
  /** Bytes of these values, in all. Default: 1,048,576. */
  maxValueBytes?: number
}

/**
 * Describes an object. Pure: no kernel is asked, so it works for every object on every operating system.
 *
 * @param spec as `CollectionSpec.fromFile` or `parse` gives it; what was edited is shown as edited
 * @throws ObjectFileError when the programs exceed `maxInstructions`
 */
export function inspectObject(spec: CollectionSpec, options: InspectOptions = {}): Inspection {
  const { maxCharacters = 1 << 24, maxValues = 1 << 18, maxValueBytes = 1 << 20 } = options
  const types = new TypeTexts(maxCharacters)
  const values = new InitialValues(spec, { values: maxValues, bytes: maxValueBytes })
  const decided = decidedByMaps(spec)
  const programs = Array.from(linkedPrograms(spec, options), each => inspectProgram(spec, each, decided))
  const maps = [...spec.maps.values()].map(each => inspectMap(each, types))
  const loaded = programs.filter(each => each.autoload)
  return {
    version: VERSION,
    byteOrder: spec.byteOrder,
    license: [...spec.programs.values()][0]?.license ?? '',
    programs,
    noPrograms: spec.noPrograms ?? null,
    maps,
    variables: [...spec.variables.values()].map(each => ({
      ...inspectVariable(each, types),
      value: values.of(each),
    })),
    externs: [...spec.externs.values()].map(each => inspectExtern(each, spec.btf, types)),
    needs: summarizeNeeds([...maps, ...loaded].flatMap(({ needs }) => needs.needs)),
  }
}

/** Programs of operations by name: they are loaded when a map that is to be created has them. Source: libbpf 1.5. */
function decidedByMaps({ maps }: CollectionSpec): ReadonlyMap<string, boolean> {
  const decided = new Map<string, boolean>()
  for (const { programs, autocreate } of maps.values()) {
    for (const name of programs?.values() ?? []) {
      decided.set(name, decided.get(name) === true || autocreate !== false)
    }
  }
  return decided
}

function inspectProgram(
  spec: CollectionSpec,
  { program, instructions: linked }: LinkedProgram,
  decided: ReadonlyMap<string, boolean>,
): InspectedProgram {
  const flags = program.flags ?? 0
  const exceptionCallback = program.exceptionCallback === undefined ? [] : [program.exceptionCallback]
  return {
    name: program.name ?? '',
    section: program.sectionName ?? null,
    type: program.type,
    attachType: program.expectedAttachType ?? null,
    target: program.attachTarget ?? null,
    license: program.license ?? '',
    autoload: decided.get(program.name ?? '') ?? program.autoload !== false,
    sleepable: (flags & BPF_F_SLEEPABLE) !== 0,
    flags,
    instructions: slotsOf(linked),
    subprograms: [...new Set([...referenced(linked, 'call', 'function'), ...exceptionCallback])],
    helpers: helpersOf(linked),
    maps: referenced(linked, 'map', 'map_value'),
    externs: referenced(linked, 'extern'),
    relocations: relocationsOf(linked, program.btf ?? spec.btf),
    needs: summarizeNeeds(programNeeds(program, linked, spec.externs)),
  }
}

/** Names that references of some kinds go to, each once. */
function referenced(instructions: readonly Instruction[], ...kinds: string[]): string[] {
  const names = new Set<string>()
  for (const { reference } of instructions) {
    if (reference !== undefined && kinds.includes(reference.kind)) names.add(reference.name)
  }
  return [...names]
}

function helpersOf(instructions: readonly Instruction[]): string[] {
  const numbers = new Set<number>()
  for (const each of instructions) if (isHelperCall(each)) numbers.add(Number(each.imm))
  return [...numbers]
    .sort((a, b) => a - b)
    .map(number => {
      const name = enumName(helpers, number)
      return typeof name === 'number' ? `unknown#${number}` : `bpf_${name}`
    })
}

function relocationsOf(instructions: readonly Instruction[], btf: Btf | undefined): InspectedRelocation[] {
  const found = new Map<string, { kind: string; subject: string; count: number }>()
  for (const { relocation } of instructions) {
    if (relocation === undefined) continue
    const kind = String(enumName(coreRelocationKinds, relocation.kind))
    const subject = relocationSubject(relocation, btf)
    const key = `${kind} ${subject}`
    const known = found.get(key)
    if (known === undefined) found.set(key, { kind, subject, count: 1 })
    else known.count++
  }
  return [...found.values()]
}

function inspectMap(spec: MapSpec, types: TypeTexts): InspectedMap {
  return {
    name: spec.name,
    type: spec.type,
    keySize: spec.keySize ?? 0,
    valueSize: spec.valueSize ?? 0,
    maxEntries: spec.maxEntries ?? 0,
    flags: spec.flags ?? 0,
    mapExtra: spec.mapExtra ?? 0n,
    pinning: spec.pinning ?? 'none',
    pinPath: spec.pinPath ?? null,
    key: types.type(spec.btf, spec.keyTypeId),
    value: types.type(spec.btf, spec.valueTypeId),
    record: types.type(spec.btf, spec.recordTypeId),
    inner: spec.innerMap === undefined ? null : inspectMap(spec.innerMap, types),
    contents: spec.contents?.length ?? 0,
    frozen: spec.freeze === true,
    autocreate: spec.autocreate !== false,
    programs: [...(spec.programs ?? [])].map(([member, program]) => ({ member, program })),
    tags: spec.tags ?? [],
    needs: summarizeNeeds(mapNeeds(spec)),
  }
}

function inspectVariable(variable: VariableSpec, types: TypeTexts): Omit<InspectedVariable, 'value'> {
  const { name, sectionName, offset, size, constant } = variable
  const [btf, typeId = 0] = variable.type.id ?? []
  return {
    name,
    section: sectionName,
    offset,
    size,
    constant,
    declaration: types.declaration(btf, typeId, name),
  }
}

function inspectExtern(extern: ExternSpec, btf: Btf | undefined, types: TypeTexts): InspectedExtern {
  const { name, kind, weak, typeId } = extern
  return { name, kind, weak, declaration: types.declaration(btf, typeId, name) }
}

/** Types as C, with one limit for each BTF; `null` where it is unknown, beyond the limit, and for loops. */
class TypeTexts {
  readonly #maxCharacters: number
  readonly #writers = new Map<Btf, CWriter>()

  constructor(maxCharacters: number) {
    this.#maxCharacters = maxCharacters
  }

  declaration(btf: Btf | undefined, id: number, name: string): string | null {
    return btf === undefined || id === 0 ? null : this.#write(btf, writer => writer.declaration(id, name))
  }

  type(btf: Btf | undefined, id = 0): InspectedType | null {
    if (btf === undefined || id === 0 || btf.kind(id) === 'datasec') return null
    const type = this.declaration(btf, id, '')
    return type === null ? null : { type, definition: this.#definition(btf, id) }
  }

  #definition(btf: Btf, id: number): string | null {
    return this.#write(btf, writer => {
      const below = btf.resolve(id)
      const composite = ['struct', 'union', 'enum', 'enum64'].includes(btf.kind(below))
      // One without a name is in the declaration already, unless that is a typedef.
      if (!composite || (btf.name(below) === '' && below === id)) return null
      return writer.definition(below)
    })
  }

  #write<T>(btf: Btf, write: (writer: CWriter) => T): T | null {
    let writer = this.#writers.get(btf)
    if (writer === undefined) {
      writer = new CWriter(btf, { maxCharacters: this.#maxCharacters })
      this.#writers.set(btf, writer)
    }
    return unlessRefused(() => write(writer)) ?? null
  }
}
