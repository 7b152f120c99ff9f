/**
 * What a probe costs: `benchProbes()` measures it on the running kernel, `measureRounds()` measures contenders of
 * your own in the same interleaved rounds.
 *
 * @module
 */

export { ATTACH_COUNTS, type AttachTimesOptions, measureAttachTimes } from './attach-time.ts'
export { type Body, type BodyName, bodies } from './bodies.ts'
export { compareDocuments, formatComparison, type RowComparison } from './compare.ts'
export {
  type AttachTime,
  type MeasuredRow,
  measuredProbes,
  type ProbesDocument,
  parseProbesDocument,
  type Row,
  readProbesDocument,
  type Settings,
  type Space,
  type UnmeasuredRow,
} from './document.ts'
export { type Environment, spoilers } from './environment.ts'
export { type BenchProbesOptions, benchProbes, listVariants, type VariantDescription } from './probes.ts'
export { formatReport } from './report.ts'
export {
  type Contender,
  type Cost,
  costOf,
  type Failure,
  type Hits,
  measureRounds,
  type Outcome,
  type RoundsOptions,
  type Sample,
} from './rounds.ts'
export type { Summary } from './statistics.ts'
export { chartSvg } from './svg.ts'
