/**
 * ELF files, and compiled BPF objects as specs. Pure: it works on every operating system.
 *
 * @module
 */

export { ElfFile, type ElfRelocation } from './file.ts'
export { functionSymbols, type VersionedSymbol } from './functions.ts'
export type { ElfSection, ElfSegment } from './headers.ts'
export type { ObjectLimits } from './limits.ts'
export type { DataVariable } from './object/data.ts'
export {
  type LegacyMapDecoder,
  type LegacyMapDefinition,
  type LegacyMapLayout,
  type LegacyMapMembers,
  legacyMapLayouts,
} from './object/legacy-layouts.ts'
export { type ObjectFile, type ObjectOptions, parseObject } from './object/object.ts'
export type { ByteSource } from './source.ts'
export type { ElfSymbol } from './symbol-table.ts'
