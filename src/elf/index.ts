/**
 * ELF64 files, and compiled BPF objects as specs. Pure: it works on every operating system.
 *
 * @module
 */

export type { DataVariable } from './data.ts'
export { allocateKsyms } from './extern-btf.ts'
export {
  type ExternSpec,
  isKconfig,
  KCONFIG_SECTION,
  type KconfigExtern,
  type KconfigType,
  type KfuncExtern,
  KSYMS_SECTION,
  type KsymExtern,
} from './externs.ts'
export {
  ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  EM_BPF,
  ET_REL,
  SHF_EXECINSTR,
  sectionTypes,
} from './file.ts'
export { functionSymbols, type VersionedSymbol } from './functions.ts'
export type { LegacyMapDecoder, LegacyMapDefinition, LegacyMapMembers } from './legacy-maps.ts'
export type { ObjectLimits } from './limits.ts'
export { type ObjectFile, type ObjectOptions, parseObject } from './object.ts'
export { functionOffset, functionOffsets, matchingFunctions } from './symbol-offset.ts'
