/**
 * A compiled BPF object: everything that loading it needs, as specs. Pure.
 *
 * Source: libbpf `bpf_object__elf_collect`, `bpf_object__init_progs`; what clang emits (llvm/lib/Target/BPF).
 *
 * @module
 */

import type { Instruction } from '../../asm/instruction.ts'
import { type ByteOrder, cString } from '../../base/bytes.ts'
import { Btf } from '../../btf/btf.ts'
import { type ExtInfo, parseExtInfo } from '../../btf/ext.ts'
import type { MapSpec } from '../../maps/spec.ts'
import type { ExternSpec } from '../../programs/extern-spec.ts'
import { parseSectionName } from '../../programs/sections.ts'
import type { ProgramSpec } from '../../programs/spec.ts'
import { ElfFile } from '../file.ts'
import { EM_BPF, EM_NONE, ET_REL } from '../format.ts'
import type { ElfSection } from '../headers.ts'
import { MAX_NAME_LENGTH, type ObjectLimits } from '../limits.ts'
import { placeInArena } from './arena.ts'
import { type ObjectFunction, readFunctions } from './code.ts'
import { checkDataSizes, completeBtf, type DataVariable, dataMap, readVariables } from './data.ts'
import { readExceptionCallbacks } from './exception-callbacks.ts'
import { placeKconfig } from './extern-btf.ts'
import { bindExterns, kconfigMap, kconfigVariables, readExterns } from './externs.ts'
import type { LegacyMapDecoder, LegacyMapLayout } from './legacy-layouts.ts'
import { readLegacyMaps } from './legacy-maps.ts'
import { readMaps } from './maps.ts'
import { whyNoPrograms } from './no-programs.ts'
import { findPointers } from './pointers.ts'
import { nameRecordTypes } from './record-types.ts'
import { readStructOps } from './struct-ops.ts'
import { MAPS_SECTION, ObjectSymbols } from './symbols.ts'
import { fillTailCalls } from './tail-calls.ts'

/** Bytes of a license that count: libbpf takes no more. */
const MAX_LICENSE = 63
/**
 * Sections of functions that programs call: `.text`, and those that compilers split it into (`.text.unlikely`, with
 * `-ffunction-sections` `.text.NAME`).
 */
const SUBPROGRAMS = /^\.text(?:\.|$)/

/** How to read an object file. */
export interface ObjectOptions extends ObjectLimits {
  /**
   * Reads what definitions of maps from before BTF say behind their flags, where their size does not show it, or shows
   * something else than it means.
   */
  legacyMap?: LegacyMapLayout | LegacyMapDecoder
}

/** What an object file contains. */
export interface ObjectFile {
  /** Programs by name, in the order of the file. Their instructions are the main function alone. */
  readonly programs: Map<string, ProgramSpec>
  /** Maps by name, data sections by the name of the section. */
  readonly maps: Map<string, MapSpec>
  /** Global variables, in the order of their sections. */
  readonly variables: DataVariable[]
  /** Functions that programs may call, by name. */
  readonly functions: Map<string, Instruction[]>
  /** Why the code of the object yields no program; `undefined` when it does, or the object has no code. */
  readonly noPrograms: string | undefined
  /** What the object does not define itself, by name. */
  readonly externs: Map<string, ExternSpec>
  /** `undefined` when the object has none. */
  readonly btf: Btf | undefined
  /** `''` when the object has none. */
  readonly license: string
  /** Kernel version code of a `version` section, which kernels before 5.0 check; `undefined` without one. */
  readonly version: number | undefined
  readonly byteOrder: ByteOrder
}

/** `e_machine` of what people take for a BPF object. Source: include/uapi/linux/elf-em.h. */
const MACHINES: Readonly<Record<number, string>> = {
  3: 'x86',
  8: 'MIPS',
  21: 'PowerPC64',
  22: 's390',
  40: 'arm',
  62: 'x86-64',
  183: 'arm64',
  243: 'RISC-V',
  258: 'LoongArch',
}

/**
 * Reads a compiled BPF object.
 *
 * @param bytes an ELF64 relocatable object for BPF, of either byte order
 * @param file name for error messages
 * @throws ObjectFileError when it is truncated, malformed, not for BPF, or uses something that cannot be loaded
 */
export function parseObject(bytes: Uint8Array, file?: string, options: ObjectOptions = {}): ObjectFile {
  const elf = ElfFile.parse(bytes, file, { maxNameLength: MAX_NAME_LENGTH, ...options })
  // Compilers before LLVM 3.9 named no machine.
  if (elf.machine !== EM_BPF && elf.machine !== EM_NONE)
    throw elf.headerError(
      `Not a BPF object: it is for ${MACHINES[elf.machine] ?? `machine ${elf.machine}`}`,
      18,
    )
  if (elf.bits !== 64) throw elf.headerError('Not a 64-bit ELF file', 4)
  if (elf.type !== ET_REL) throw elf.headerError(`Not a relocatable object: its type is ${elf.type}`, 16)
  if (!elf.symbols.some(each => each.name !== ''))
    throw elf.error('The object has no symbols', { name: '.symtab' })

  const symbols = new ObjectSymbols(elf)
  const { btf, info, externs } = readTypes(elf)
  const legacy = readLegacyMaps(elf, btf, symbols, options.legacyMap)
  const maps = readAllMaps(elf, btf, symbols, legacy.maps)
  const kconfig = kconfigMap(externs, btf, elf.file)
  if (kconfig !== undefined) {
    if (maps.has(kconfig.name)) throw elf.error(`Two maps are called ${kconfig.name}`, kconfig)
    maps.set(kconfig.name, kconfig)
  }
  const code = elf.sections.filter(each => each.size > 0 && symbols.isCode(each))
  const functions = readFunctions(elf, code, symbols, info)
  bindExterns(elf, functions, externs)
  const pointers = findPointers(elf, symbols, functions)
  const inArena = placeInArena(elf, btf, symbols, { maps, functions })
  const license = readLicense(elf)
  const version = readVersion(elf)
  const programs = readPrograms(elf, functions, { license, version, btf })
  fillTailCalls(programs.values(), legacy)
  return {
    programs,
    maps,
    variables: [
      ...elf.sections.filter(each => symbols.isData(each)).flatMap(each => readVariables(elf, each, btf)),
      ...inArena,
      ...kconfigVariables(externs),
    ],
    functions: new Map(functions.map(each => [each.name, each.instructions])),
    noPrograms: programs.size === 0 ? whyNoPrograms(code, functions) : undefined,
    externs: new Map([...externs, ...pointers].map(each => [each.name, each])),
    btf,
    license,
    version,
    byteOrder: elf.byteOrder,
  }
}

function readTypes(elf: ElfFile): { btf?: Btf; info?: ExtInfo; externs: ExternSpec[] } {
  const section = elf.section('.BTF')
  if (section === undefined || section.size === 0) return { externs: readExterns(elf, undefined) }
  const where = elf.file === undefined ? {} : { file: elf.file }
  const original = Btf.parse(elf.data(section), { ...where, ...elf.limits })
  const externs = readExterns(elf, original)
  const btf = placeKconfig(completeBtf(elf, original), externs)
  const ext = elf.section('.BTF.ext')
  // Its strings are those of the file; type ids are the same in both.
  return { btf, externs, ...(ext && { info: parseExtInfo(elf.data(ext), original, where) }) }
}

function readAllMaps(
  elf: ElfFile,
  btf: Btf | undefined,
  symbols: ObjectSymbols,
  legacy: ReadonlyMap<string, MapSpec>,
): Map<string, MapSpec> {
  const section = elf.section(MAPS_SECTION)
  if (section !== undefined && btf === undefined) {
    throw elf.error('The object has maps, but no BTF that defines them; compile it with -g', section)
  }
  const maps =
    section === undefined || btf === undefined
      ? new Map<string, MapSpec>()
      : readMaps(elf, section, btf, symbols)
  for (const [name, spec] of legacy) {
    if (maps.has(name)) throw elf.error(`Two maps are called ${name}`, { name: MAPS_SECTION })
    maps.set(name, spec)
  }
  for (const [name, spec] of readStructOps(elf, btf, symbols)) {
    if (maps.has(name)) throw elf.error(`Two maps are called ${name}`, { name: MAPS_SECTION })
    maps.set(name, spec)
  }
  const data = elf.sections.filter(each => symbols.isData(each) && each.size > 0)
  checkDataSizes(elf, [...data, ...elf.sections.filter(each => symbols.isArena(each))])
  for (const each of data) {
    if (maps.has(each.name)) throw elf.error('Two sections of variables have this name', each)
    maps.set(each.name, dataMap(elf, each, btf))
  }
  nameRecordTypes(maps, btf)
  return maps
}

function readPrograms(
  elf: ElfFile,
  functions: readonly ObjectFunction[],
  { license, version, btf }: Pick<ObjectFile, 'license' | 'version' | 'btf'>,
): Map<string, ProgramSpec> {
  const programs = new Map<string, ProgramSpec>()
  const exceptionCallbacks = readExceptionCallbacks(btf)
  for (const { name, section, symbol, instructions } of functions) {
    const typeId = instructions[0]?.funcTypeId ?? btf?.find(name, 'func') ?? 0
    if (symbol.binding === 'local' && exceptionCallbacks.has(typeId)) {
      throw elf.error(
        `Function ${name} has an exception callback, but is static: only programs have one`,
        section,
        symbol.value,
      )
    }
    // Static functions are called by programs, wherever they are.
    if (SUBPROGRAMS.test(section.name) || symbol.binding === 'local') continue
    const { definition, target, optional } = parseSectionName(section.name)
    const spec: ProgramSpec = {
      name,
      type: definition?.type ?? 'unspec',
      instructions,
      license,
      sectionName: section.name,
      flags: definition?.flags ?? 0,
      autoload: !optional,
      byteOrder: elf.byteOrder,
    }
    if (definition?.attachType !== undefined) spec.expectedAttachType = definition.attachType
    if (target !== '') spec.attachTarget = target
    if (version !== undefined) spec.kernelVersion = version
    if (btf !== undefined) spec.btf = btf
    const exceptionCallback = exceptionCallbacks.get(typeId)
    if (exceptionCallback !== undefined) spec.exceptionCallback = exceptionCallback
    programs.set(name, spec)
  }
  return programs
}

function readLicense(elf: ElfFile): string {
  const section = elf.section('license')
  return section === undefined ? '' : cString(elf.data(section).subarray(0, MAX_LICENSE))
}

function readVersion(elf: ElfFile): number | undefined {
  const section: ElfSection | undefined = elf.section('version')
  return section === undefined ? undefined : elf.reader(section).u32(0)
}
