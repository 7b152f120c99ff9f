/** Programs: describe, load, run, inspect. @module */

export type { LoadedBtf } from './ext-info.ts'
export type { ProgramInfo } from './info.ts'
export type { LoadOptions } from './load.ts'
export { enableStats, Program } from './program.ts'
export type { MapResolver } from './references.ts'
export {
  type Hook,
  type ParsedSection,
  parseSectionName,
  type SectionDefinition,
  sectionDefinitions,
} from './sections.ts'
export type { ProgramSpec } from './spec.ts'
export type { TestRunOptions, TestRunResult } from './test-run.ts'
export { VerifierError, type VerifierErrorDetails } from './verifier-error.ts'
