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
export { Link } from './links/index.ts'
export { BpfMap, type MapSpec } from './maps/index.ts'
export { Program, type ProgramSpec, VerifierError } from './programs/index.ts'
export { RingBuffer, RingRecord, type RingView } from './readers/index.ts'
