/**
 * Collections: an object file becomes specs, kernel objects, links and readers.
 *
 * @module
 */

export { readBtfFile } from '../kernel/types/btf-file.ts'
export {
  type AttachedMap,
  type AttachedProgram,
  Attachments,
  type AttachOptions,
  type SkippedMap,
  type SkippedProgram,
} from './attach.ts'
export { Collection } from './collection.ts'
export type { Kconfig } from './kconfig.ts'
export type { CollectionOptions } from './load.ts'
export { Named, type NamedTypes } from './named.ts'
export type { CollectionRecordsOptions } from './own-readers.ts'
export type {
  CollectionShape,
  MapShape,
  ProgramShape,
  ShapeMap,
  ShapeMapNames,
  ShapeMaps,
  ShapeNames,
  ShapeRecord,
  ShapeVariableSpecs,
  ShapeVariables,
} from './shape.ts'
export { type CollectionParts, CollectionSpec } from './spec.ts'
export { Variable } from './variable.ts'
export { VariableSpec } from './variable-spec.ts'
