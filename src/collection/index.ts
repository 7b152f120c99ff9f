/**
 * Collections: an object file becomes specs, kernel objects, links and readers.
 *
 * @module
 */

export { aloneSpec } from './alone.ts'
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
export { type CoreDryRun, dryRunCore } from './core-dry-run.ts'
export {
  INSPECTION_VERSION,
  type InspectedExtern,
  type InspectedMap,
  type InspectedProgram,
  type InspectedRelocation,
  type InspectedType,
  type InspectedVariable,
  type Inspection,
  type InspectOptions,
  inspectObject,
} from './inspect.ts'
export type { Kconfig } from './kconfig.ts'
export { type LinkedProgram, type LinkOptions, linkedPrograms, relocationSubject } from './linked.ts'
export type { CollectionOptions } from './load.ts'
export { Named } from './named.ts'
export { type KernelNeed, type KernelNeeds, mapNeeds, programNeeds, summarizeNeeds } from './needs.ts'
export { type CollectionParts, CollectionSpec } from './spec.ts'
export { Variable } from './variable.ts'
export { VariableSpec } from './variable-spec.ts'
export {
  type ProgramVerdict,
  parseStatistics,
  type Refusal,
  type VerifierStatistics,
  type VerifyOptions,
  verifyObject,
  verifyProgram,
} from './verify.ts'
