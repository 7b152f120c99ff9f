/**
 * BTF: parse and build types, look them up, make codecs of them, apply CO-RE relocations. Pure: it works on every
 * operating system.
 *
 * @module
 */

export type { BtfObject } from './aggregate.ts'
export { Btf, type BtfParseOptions } from './btf.ts'
export { BtfBuilder, type BtfBuilderOptions } from './builder.ts'
export { type BtfToCOptions, btfToC } from './c-dump.ts'
export { type CTextOptions, cDeclaration, cDefinition } from './c-type.ts'
export { type BtfCodec, type BtfCodecOptions, type BtfValue, btfCodec } from './codec.ts'
export { type CoreFailure, type CoreResult, type CoreTargets, relocateCore } from './core.ts'
export { type DedupOptions, type DedupResult, dedupBtf } from './dedup.ts'
export { type CoreRecord, type ExtInfo, type FunctionRecord, type LineRecord, parseExtInfo } from './ext.ts'
export { essentialName } from './flavor.ts'
export * from './types.ts'
