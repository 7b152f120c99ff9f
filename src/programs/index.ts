/** Programs: describe, load, run, inspect. @module */

export type { LoadedBtf } from './ext-info.ts'
export type {
  ExternBase,
  ExternSpec,
  KconfigExtern,
  KconfigType,
  KfuncExtern,
  KsymExtern,
  UndefinedExtern,
} from './extern-spec.ts'
export type { ProgramInfo } from './info.ts'
export type { LoadOptions, ProgramSignature } from './load-options.ts'
export type { MapResolver } from './passes/maps.ts'
export { programHash } from './passes/program-hash.ts'
export { enableStats, Program } from './program.ts'
export { explainVerdict, type RefusedProgram } from './refusal/explain-verdict.ts'
export {
  type Hook,
  type ParsedSection,
  parseSectionName,
  type SectionDefinition,
  sectionDefinitions,
} from './sections.ts'
export type { ProgramSpec } from './spec.ts'
export type { ProgramStream } from './streams.ts'
export type { TestRunOptions, TestRunResult } from './test-run.ts'
export { VerifierError, type VerifierErrorDetails } from './verifier-error.ts'
