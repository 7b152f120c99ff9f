/**
 * What is in an object, and what a kernel says of it: `inspectObject` needs no kernel, `verifyObject` loads each program
 * alone, `dryRunCore` tries the CO-RE relocations against the types of any kernel.
 *
 * @module
 */

export { type CoreDryRun, dryRunCore } from './core-dry-run.ts'
export {
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
export { type JoinOptions, type LinkedProgram, linkedPrograms, relocationSubject } from './linked.ts'
export type { KernelNeed, KernelNeeds } from './needs.ts'
export {
  type ProgramVerdict,
  type Refusal,
  type VerifierStatistics,
  type VerifyOptions,
  verifyObject,
  verifyProgram,
} from './verify.ts'
