/**
 * ELF64 files, and compiled BPF objects as specs. Pure: it works on every operating system.
 *
 * @module
 */

export type { DataVariable } from './data.ts'
export {
  ElfFile,
  type ElfRelocation,
  type ElfSection,
  type ElfSymbol,
  EM_BPF,
  ET_REL,
  SHF_EXECINSTR,
  sectionTypes,
  type VersionedSymbol,
} from './file.ts'
export { type ObjectFile, parseObject } from './object.ts'
export { functionOffset, functionOffsets } from './symbol-offset.ts'
