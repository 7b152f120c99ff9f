/**
 * What every room stands on: errors, and codecs for keys, values and records. Pure: it works on every operating
 * system.
 *
 * @module
 */

export type { ByteOrder } from './bytes.ts'
export { type AlignedCodec, type Codec, type CodecInput, type CodecValue, jsonReplacer } from './codec.ts'
export {
  array,
  bool,
  bytes,
  cString,
  f32,
  f64,
  i8,
  i16,
  i32,
  i64,
  type StructInput,
  type StructMembers,
  type StructOptions,
  type StructValue,
  struct,
  u8,
  u16,
  u32,
  u64,
} from './codecs.ts'
export type { ErrnoCode, ErrnoName } from './errno.ts'
export type { BpfErrorCode, LibraryErrorCode } from './error-codes.ts'
export {
  BpfError,
  type BpfErrorOptions,
  NotSupportedError,
  type NotSupportedOptions,
  ObjectFileError,
  type ObjectFileLocation,
} from './errors.ts'
export { suggestion } from './nearest.ts'
export { printable, printableJson, printableLines } from './text.ts'
