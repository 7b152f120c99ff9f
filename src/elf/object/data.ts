/**
 * Global variables: each data section is an array map of one element, and knows the variables in it.
 *
 * Source: libbpf `bpf_object__init_global_data_maps`, `btf_fixup_datasec`; kernel/bpf/arraymap.c.
 *
 * @module
 */

import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../../abi/generated/flags.ts'
import type { Btf } from '../../btf/btf.ts'
import { BtfBuilder } from '../../btf/builder.ts'
import { MAX_VLEN } from '../../btf/format.ts'
import type { BtfDatasec } from '../../btf/types.ts'
import type { MapSpec } from '../../maps/spec.ts'
import type { ElfFile } from '../file.ts'
import { sectionTypes } from '../format.ts'
import type { ElfSection } from '../headers.ts'
import type { ElfSymbol } from '../symbol-table.ts'
import { dataMapName } from './data-map-name.ts'
import { LocalSymbols, placeStatics } from './statics.ts'

/** How the names of sections of constants begin. */
export const CONSTANTS = '.rodata'
/** The size of a map's value has 32 bits. */
const MAX_SECTION_SIZE = 0xffff_ffff

/** Where a global variable lies. */
export interface DataVariable {
  readonly name: string
  /** Name of its section, which is that of its map too; of a variable in an arena, the name of the arena. */
  readonly sectionName: string
  /** Bytes from the start of the section. */
  readonly offset: number
  readonly size: number
  /** BTF type of the value; 0 when unknown. */
  readonly typeId: number
}

/**
 * Bounds the memory for variables: sections without bytes in the file are not huge.
 *
 * @throws ObjectFileError that names the section with which it is too much
 */
export function checkDataSizes(elf: ElfFile, sections: readonly ElfSection[]): void {
  let zero = 0
  for (const section of sections) {
    if (section.type === sectionTypes.nobits) zero += section.size
    if (zero > elf.limits.maxZeroBytes) throw tooLarge(elf, section, zero)
  }
}

/** The map of a data section. */
export function dataMap(elf: ElfFile, section: ElfSection, btf: Btf | undefined): MapSpec {
  const constant = isConstant(section)
  const value = initialBytes(elf, section)
  const spec: MapSpec = {
    name: section.name,
    kernelName: dataMapName(elf.file, section.name),
    type: 'array',
    keySize: 4,
    valueSize: section.size,
    maxEntries: 1,
    flags: (isShared(elf, section, btf) ? BPF_F_MMAPABLE : 0) | (constant ? BPF_F_RDONLY_PROG : 0),
    contents: [{ key: new Uint8Array(4), value }],
    freeze: constant,
  }
  const typeId = btf?.find(section.name, 'datasec')
  if (btf !== undefined && typeId !== undefined) Object.assign(spec, { btf, valueTypeId: typeId })
  return spec
}

/**
 * Whether a section's map is for user space to map: one with static variables alone is the object's own, and may hold what
 * user space must not write, such as locks. Source: libbpf `map_is_mmapable`.
 */
function isShared(elf: ElfFile, section: ElfSection, btf: Btf | undefined): boolean {
  const types = btf?.findType('datasec', section.name)
  if (btf === undefined || types === undefined)
    return elf.symbolsIn(section).some(({ type, binding }) => type === 'object' && binding !== 'local')
  return types.variables.some(each => {
    const variable = btf.type(each.type)
    return variable.kind === 'var' && variable.linkage !== 'static'
  })
}

/**
 * The initial values of a section's variables.
 *
 * @throws ObjectFileError when they are more than a map can hold, more than `maxZeroBytes`, or than fit into memory
 */
export function initialBytes(elf: ElfFile, section: ElfSection): Uint8Array {
  checkSize(elf, section)
  const { size } = section
  if (size > MAX_SECTION_SIZE)
    throw elf.error(
      `${size} bytes of variables are more than the ${MAX_SECTION_SIZE} that a map can hold`,
      section,
    )
  let value: Uint8Array
  try {
    value = new Uint8Array(size)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw elf.error(`${size} bytes of variables do not fit into memory`, section)
  }
  value.set(elf.data(section))
  return value
}

function checkSize(elf: ElfFile, section: ElfSection): void {
  const { type, size } = section
  if (type === sectionTypes.nobits && size > elf.limits.maxZeroBytes) throw tooLarge(elf, section, size)
}

function tooLarge(elf: ElfFile, section: ElfSection, size: number): Error {
  const { maxZeroBytes } = elf.limits
  return elf.error(`${size} bytes of variables are more than ${maxZeroBytes} (option maxZeroBytes)`, section)
}

/** Whether programs must not write to a section's variables. */
export function isConstant({ name }: { name: string }): boolean {
  return name.startsWith(CONSTANTS)
}

/** The variables of a data section: those with BTF, then global ones that have only a symbol. */
export function readVariables(elf: ElfFile, section: ElfSection, btf: Btf | undefined): DataVariable[] {
  const variables: DataVariable[] = []
  const named = new Set<string>()
  const add = (name: string, offset: number, size: number, typeId: number): void => {
    if (offset + size > section.size) {
      throw elf.error(`Variable ${name} of ${size} bytes does not end within its section`, section, offset)
    }
    if (named.has(name)) return
    named.add(name)
    variables.push({ name, sectionName: section.name, offset, size, typeId })
  }
  if (btf !== undefined) {
    for (const { type: id, offset, size } of btf.findType('datasec', section.name)?.variables ?? []) {
      const variable = btf.type(id)
      if (variable.kind === 'var') add(variable.name, offset, size, variable.type)
    }
  }
  for (const { type, binding, name, value, size } of elf.symbolsIn(section)) {
    if (type === 'object' && binding !== 'local') add(name, value, size, 0)
  }
  return variables
}

/**
 * Completes what compilers leave open in BTF: sizes of data sections and offsets of variables, which only the symbol
 * table knows for certain; and functions that hidden visibility makes static, which the verifier then checks in the
 * context of their callers.
 */
export function completeBtf(elf: ElfFile, btf: Btf): Btf {
  const symbols = new Map(elf.symbols.filter(each => each.binding !== 'local').map(each => [each.name, each]))
  const changes: Changes = new Map()
  const shorter = new Map<number, BtfDatasec>()
  // Made once for a section: a hostile object has many types of one section.
  const locals = new Map<ElfSection, LocalSymbols>()
  const localsOf = (section: ElfSection): LocalSymbols => {
    const known = locals.get(section) ?? new LocalSymbols(elf, section)
    locals.set(section, known)
    return known
  }
  btf.forEachId(id => {
    const kind = btf.kind(id)
    if (kind !== 'datasec' && kind !== 'func') return
    const type = btf.type(id)
    if (type.kind === 'datasec') {
      const section = elf.section(type.name)
      if (section === undefined) return
      const completed = completeSection(elf, btf, type, section, symbols, localsOf)
      if (completed.variables.length < type.variables.length) shorter.set(id, completed)
      else changes.set(id, sectionWords(completed))
    } else if (type.kind === 'func' && type.linkage === 'global') {
      const visibility = symbols.get(type.name)?.visibility
      if (visibility !== 'hidden' && visibility !== 'internal') return
      changes.set(id, { at: INFO, words: [(btf.encoded(id)[INFO]! & ~MAX_VLEN) >>> 0] })
    }
  })
  const changed = changes.size === 0 ? btf : btf.withWords(changes)
  if (shorter.size === 0) return changed
  const builder = BtfBuilder.from(changed)
  for (const [id, section] of shorter) builder.replace(id, section)
  return changed.reparse(builder.build(elf.byteOrder))
}

/** By id of a type, its words from one of them on. */
type Changes = Map<number, { readonly at: number; readonly words: readonly number[] }>

/** Word of a type that has its kind, and of a function its linkage: 0 is static. */
const INFO = 1
/** Word of a type that has its size; those of the variables of a section follow. */
const SIZE = 2

function sectionWords({ size, variables }: BtfDatasec): { at: number; words: number[] } {
  return { at: SIZE, words: [size, ...variables.flatMap(each => [each.type, each.offset, each.size])] }
}

function completeSection(
  elf: ElfFile,
  btf: Btf,
  type: BtfDatasec,
  section: ElfSection,
  symbols: ReadonlyMap<string, ElfSymbol>,
  localsOf: (section: ElfSection) => LocalSymbols,
): BtfDatasec {
  checkSize(elf, section)
  let hasStatics = false
  const globals = type.variables.map(each => {
    const variable = btf.type(each.type)
    if (variable.kind !== 'var') return each
    if (variable.linkage === 'static') {
      hasStatics = true
      return each
    }
    const symbol = symbols.get(variable.name)
    if (symbol?.section !== section.index) throw elf.error(`Variable ${variable.name} has no symbol`, section)
    if (symbol.value > section.size)
      throw elf.error(`Variable ${variable.name} lies behind its section`, section, symbol.value)
    return { ...each, offset: symbol.value }
  })
  const variables = hasStatics ? placeStatics(btf, localsOf(section), globals) : globals
  // The kernel wants them in the order of their offsets.
  variables.sort((a, b) => a.offset - b.offset)
  return { ...type, size: section.size, variables }
}
