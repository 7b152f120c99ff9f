/**
 * Externs: what an object leaves to the kernel to define. Variables of section `.kconfig` are options of the kernel's
 * configuration, symbols of `.ksyms` are its variables (with a type, or a bare address) and functions (kfuncs).
 *
 * Source: libbpf `bpf_object__collect_externs`, `find_extern_btf_id`, `find_kcfg_type`, `cmp_externs`.
 *
 * @module
 */

import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../../abi/generated/flags.ts'
import type { Instruction, Reference } from '../../asm/instruction.ts'
import { LDIMM64 } from '../../asm/opcodes.ts'
import type { Btf } from '../../btf/btf.ts'
import { essentialName } from '../../btf/flavor.ts'
import type { BtfType } from '../../btf/types.ts'
import type { MapSpec } from '../../maps/spec.ts'
import {
  type ExternSpec,
  isKconfig,
  type KconfigExtern,
  type KfuncExtern,
  type KsymExtern,
  type UndefinedExtern,
} from '../../programs/extern-spec.ts'
import type { ElfFile } from '../file.ts'
import { SHN_COMMON } from '../format.ts'
import type { ElfSymbol } from '../symbol-table.ts'
import type { ObjectFunction } from './code.ts'
import type { DataVariable } from './data.ts'
import { dataMapName } from './data-map-name.ts'
import { MAPS_SECTION } from './symbols.ts'

/** Section of options of the kernel's configuration, and the name of their map. */
export const KCONFIG_SECTION = '.kconfig'
/** Section of symbols of the kernel. */
export const KSYMS_SECTION = '.ksyms'

/**
 * Reads the externs of an object, in libbpf's order: options of the configuration by alignment, size and name, then
 * symbols by name. What nothing defines is one too: only programs that use it cannot be loaded.
 *
 * @param btf as the compiler left it; `undefined` when the object has none
 * @throws ObjectFileError when an option of the configuration has a type that options do not have
 */
export function readExterns(elf: ElfFile, btf: Btf | undefined): ExternSpec[] {
  const undefinedOnes: UndefinedExtern[] = []
  const symbols: ElfSymbol[] = []
  for (const symbol of elf.symbols) {
    const { name, binding } = symbol
    if (symbol.section === SHN_COMMON && name !== '')
      undefinedOnes.push(undefinedExtern(name, `${name} has no place in the object; ${COMMON}`, false))
    else if (!isExtern(symbol)) continue
    else if (btf === undefined)
      undefinedOnes.push(undefinedExtern(name, `nothing defines ${name}; ${NO_BTF}`, binding === 'weak'))
    else symbols.push(symbol)
  }
  const declared = btf === undefined || symbols.length === 0 ? [] : readDeclared(elf, btf, symbols)
  return [...declared, ...undefinedOnes]
}

const COMMON = 'compile it with -fno-common'
const NO_BTF = 'if the kernel does, compile the object with -g, so that BTF declares it'

function undefinedExtern(name: string, reason: string, weak: boolean): UndefinedExtern {
  return { kind: 'undefined', name, essentialName: essentialName(name), weak, typeId: 0, reason }
}

function readDeclared(elf: ElfFile, btf: Btf, symbols: readonly ElfSymbol[]): ExternSpec[] {
  const { declarations, sections } = readDeclarations(btf)
  const options: (Omit<KconfigExtern, 'offset'> & { align: number })[] = []
  const others: (KsymExtern | KfuncExtern | UndefinedExtern)[] = []
  for (const symbol of symbols) {
    const { name, binding } = symbol
    const weak = binding === 'weak'
    const id = declarations.get(name)
    const declaration = id === undefined ? undefined : btf.type(id)
    const section = id === undefined ? undefined : sections.get(id)
    const unknown = whyUndefined(name, declaration, section)
    if (unknown !== undefined || declaration === undefined || !isDeclaration(declaration)) {
      others.push(undefinedExtern(name, unknown ?? `nothing defines ${name}`, weak))
      continue
    }
    const base = { name, essentialName: essentialName(name), weak }
    const { kind, type } = declaration
    if (section === KSYMS_SECTION) {
      others.push({ ...base, kind: kind === 'func' ? 'kfunc' : 'ksym', typeId: btf.resolve(type) })
      continue
    }
    const value = kind === 'var' ? kconfigValue(btf, type) : undefined
    if (value === undefined)
      throw elf.symbolError(`Extern ${name}: options of the configuration have no such type`, symbol)
    options.push({ ...base, kind: 'kconfig', typeId: type, ...value })
  }
  options.sort((a, b) => b.align - a.align || a.size - b.size || byName(a, b))
  let end = 0
  const placed = options.map(({ align, ...option }): KconfigExtern => {
    const offset = Math.ceil(end / align) * align
    end = offset + option.size
    const { maxKconfigBytes } = elf.limits
    if (end > maxKconfigBytes) {
      const reason = `Extern ${option.name}: the options of the object are more than ${maxKconfigBytes} bytes (option maxKconfigBytes)`
      throw elf.error(reason, { name: KCONFIG_SECTION }, offset)
    }
    return { ...option, offset }
  })
  return [...placed, ...others.sort(byName)]
}

/** Why a symbol is not one of the kernel's; `undefined` when it is. */
function whyUndefined(
  name: string,
  declaration: BtfType | undefined,
  section: string | undefined,
): string | undefined {
  if (declaration === undefined) return `nothing defines ${name}, and no BTF declares it`
  if (!isDeclaration(declaration)) return `nothing defines ${name}, and its BTF does not declare an extern`
  if (section === KSYMS_SECTION || section === KCONFIG_SECTION) return undefined
  if (section === MAPS_SECTION) return `map ${name} is defined in another object: link the two`
  return `nothing defines ${name}: link the object that does, or declare it with __ksym or __kconfig when the kernel does`
}

/** libbpf: `sym_is_extern`. */
function isExtern({ name, section, type, binding }: ElfSymbol): boolean {
  return section === 0 && name !== '' && type === 'notype' && (binding === 'global' || binding === 'weak')
}

function byName(a: { name: string }, b: { name: string }): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0
}

/** Ids of variables and functions by name, and the names of their sections by id; the first of each counts. */
function readDeclarations(btf: Btf): { declarations: Map<string, number>; sections: Map<number, string> } {
  const declarations = new Map<string, number>()
  const sections = new Map<number, string>()
  btf.forEachId(id => {
    const kind = btf.kind(id)
    if (kind === 'var' || kind === 'func') {
      const name = btf.name(id)
      if (!declarations.has(name)) declarations.set(name, id)
    } else if (kind === 'datasec') {
      const section = btf.type(id)
      if (section.kind !== 'datasec') return
      for (const { type } of section.variables) if (!sections.has(type)) sections.set(type, section.name)
    }
  })
  return { declarations, sections }
}

function isDeclaration(type: BtfType): type is Extract<BtfType, { kind: 'var' | 'func' }> {
  return (type.kind === 'var' || type.kind === 'func') && type.linkage === 'extern'
}

/** What a type can hold of an option; `undefined` when nothing. */
function kconfigValue(
  btf: Btf,
  id: number,
): (Pick<KconfigExtern, 'type' | 'signed' | 'size'> & { align: number }) | undefined {
  const type = btf.resolved(id)
  switch (type.kind) {
    case 'int': {
      const { size, encoding } = type
      const signed = encoding === 'signed'
      if (encoding === 'bool') return size === 1 ? { type: 'bool', signed, size, align: 1 } : undefined
      if (size === 1) return { type: 'char', signed, size, align: 1 }
      return size === 2 || size === 4 || size === 8 ? { type: 'int', signed, size, align: size } : undefined
    }
    case 'enum':
      // Of any other size than 4 the values would not be those of the enum.
      if (type.name !== 'libbpf_tristate' || type.size !== 4) return undefined
      return { type: 'tristate', signed: false, size: 4, align: 4 }
    case 'array': {
      const element = btf.resolved(type.type)
      const isChar = element.kind === 'int' && element.size === 1 && element.encoding !== 'bool'
      if (!isChar || type.count === 0) return undefined
      return { type: 'string', signed: false, size: type.count, align: 1 }
    }
    default:
      return undefined
  }
}

/** The externs of `.kconfig` as variables of its map. */
export function kconfigVariables(externs: readonly ExternSpec[]): DataVariable[] {
  return externs
    .filter(isKconfig)
    .map(({ name, offset, size, typeId }) => ({ name, sectionName: KCONFIG_SECTION, offset, size, typeId }))
}

/** The map of the configuration, zeros until it is loaded; `undefined` when the object asks for none. */
export function kconfigMap(
  externs: readonly ExternSpec[],
  btf: Btf | undefined,
  file: string | undefined,
): MapSpec | undefined {
  const last = externs.filter(isKconfig).at(-1)
  if (last === undefined) return undefined
  const valueSize = last.offset + last.size
  const spec: MapSpec = {
    name: KCONFIG_SECTION,
    kernelName: dataMapName(file, KCONFIG_SECTION),
    type: 'array',
    keySize: 4,
    valueSize,
    maxEntries: 1,
    flags: BPF_F_MMAPABLE | BPF_F_RDONLY_PROG,
    contents: [{ key: new Uint8Array(4), value: new Uint8Array(valueSize) }],
    freeze: true,
  }
  const valueTypeId = btf?.find(KCONFIG_SECTION, 'datasec')
  if (btf !== undefined && valueTypeId !== undefined) Object.assign(spec, { btf, valueTypeId })
  return spec
}

/**
 * Makes references to options references into their map, and checks the others.
 *
 * @throws ObjectFileError when an instruction uses a symbol that is not an extern, or in a way that its kind does not allow
 */
export function bindExterns(
  elf: ElfFile,
  functions: readonly ObjectFunction[],
  externs: readonly ExternSpec[],
): void {
  const byName = new Map(externs.map(each => [each.name, each]))
  for (const { name, section, offset, instructions } of functions) {
    for (const instruction of instructions) {
      const { reference } = instruction
      if (reference?.kind !== 'extern') continue
      const wrong = bind(instruction, reference, byName.get(reference.name))
      if (wrong === undefined) continue
      const used = reference.name || 'a symbol without a name'
      throw elf.error(`Function ${name} uses ${used}, ${wrong}`, section, offset)
    }
  }
}

/** Returns what is wrong, if anything is. */
function bind(
  instruction: Instruction,
  { addend }: Extract<Reference, { kind: 'extern' }>,
  extern: ExternSpec | undefined,
): string | undefined {
  if (extern === undefined) return 'which nothing defines'
  if (extern.kind === 'undefined') return undefined
  if (instruction.opcode !== LDIMM64 && extern.kind !== 'kfunc') return 'which is not a function, as one'
  if (extern.kind === 'kconfig') instruction.reference = mapValue(extern, addend)
  // What has a type has no address that could be added to.
  else if (extern.typeId !== 0 && addend !== 0) return 'with an addend, which its kind cannot have'
  return undefined
}

function mapValue(extern: KconfigExtern, addend: number): Reference {
  return { kind: 'map_value', name: KCONFIG_SECTION, offset: extern.offset + addend }
}
