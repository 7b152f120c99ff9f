/**
 * The common path: an object file to decoded events. The rooms behind it have doors of their own, such as
 * `ebpf-ts/links`.
 *
 * @module
 */

export { type Codec, jsonReplacer } from './base/codec.ts'
export type { BpfErrorCode } from './base/error-codes.ts'
export {
  BpfError,
  type BpfErrorOptions,
  NotSupportedError,
  type NotSupportedOptions,
  ObjectFileError,
  type ObjectFileLocation,
} from './base/errors.ts'
export * from './collection/index.ts'
export { Link } from './links/link-classes.ts'
export type { MapSpec } from './maps/index.ts'
export { BpfMap } from './maps/map.ts'
export type { ProgramSpec } from './programs/index.ts'
export { Program } from './programs/program.ts'
export { VerifierError } from './programs/verifier-error.ts'
export { RingRecord, type RingView } from './readers/record.ts'
export { RingBuffer } from './readers/ring-buffer.ts'
