/**
 * What a probe costs: `benchProbes()` measures it on the running kernel, and the parts that it is made of.
 *
 * @module
 */

export { ATTACH_COUNTS, type AttachTimesOptions, measureAttachTimes } from './attach-time.ts'
export { type BodyName, bodies } from './bodies.ts'
export { compareDocuments, formatComparison, type RowComparison } from './compare.ts'
export {
  type AttachTime,
  type MeasuredRow,
  measuredProbes,
  measuredRows,
  type ProbesDocument,
  parseProbesDocument,
  type Row,
  type Settings,
  type Space,
  type UnmeasuredRow,
} from './document.ts'
export { type Environment, readEnvironment, spoilers } from './environment.ts'
export { type KprobeMechanism, type ListedKprobe, listKprobes, parseKprobeList } from './kprobe-list.ts'
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
export { quantile, type Summary, summarize } from './statistics.ts'
export { chartSvg } from './svg.ts'
