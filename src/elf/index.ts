/**
 * ELF64 files, and compiled BPF objects as specs. Pure: it works on every operating system.
 *
 * @module
 */

export { ElfFile, type ElfRelocation, type ElfSection, type ElfSymbol } from './file.ts'
export { functionSymbols, type VersionedSymbol } from './functions.ts'
export type { ObjectLimits } from './limits.ts'
export type { DataVariable } from './object/data.ts'
export type { LegacyMapDecoder, LegacyMapDefinition, LegacyMapMembers } from './object/legacy-maps.ts'
export { type ObjectFile, type ObjectOptions, parseObject } from './object/object.ts'
