/**
 * Collections: an object file becomes specs, kernel objects, links and readers.
 *
 * @module
 */

export {
  type AttachedMap,
  type AttachedProgram,
  Attachments,
  type AttachOptions,
  type SkippedMap,
  type SkippedProgram,
} from './attach.ts'
export { readBtfFile } from './btf-file.ts'
export { Collection } from './collection.ts'
export type { Kconfig } from './kconfig.ts'
export type { CollectionOptions } from './load.ts'
export { Named } from './named.ts'
export { type CollectionParts, CollectionSpec } from './spec.ts'
export { Variable } from './variable.ts'
export { VariableSpec } from './variable-spec.ts'
