/**
 * BTF: parse and build types, look them up, make codecs of them, apply CO-RE relocations. Pure: it works on every
 * operating system.
 *
 * @module
 */

export { Btf, type BtfParseOptions } from './btf.ts'
export { BtfBuilder, type BtfBuilderOptions } from './builder.ts'
export { type BtfCodec, type BtfCodecOptions, btfCodec } from './codec/codec.ts'
export type { BtfInput, BtfInputValue, BtfStructInput, BtfStructValue, BtfValue } from './codec/value.ts'
export { type CoreFailure, type CoreResult, type CoreTargets, relocateCore } from './core/relocate.ts'
export { type DedupOptions, type DedupResult, dedupBtf } from './dedup/dedup.ts'
export { type BtfToCOptions, btfToC } from './text/c-dump.ts'
export { type CTextOptions, cDeclaration, cDefinition } from './text/c-type.ts'
export type {
  BtfArray,
  BtfDatasec,
  BtfDeclTag,
  BtfEnum,
  BtfEnumerator,
  BtfFloat,
  BtfFunc,
  BtfFuncProto,
  BtfFwd,
  BtfInt,
  BtfKind,
  BtfLinkage,
  BtfMember,
  BtfParam,
  BtfPtr,
  BtfSectionVariable,
  BtfStruct,
  BtfType,
  BtfTypedef,
  BtfTypeOf,
  BtfTypeTag,
  BtfUnknown,
  BtfVar,
  BtfVoid,
} from './types.ts'
