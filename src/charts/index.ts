/**
 * Pictures of what was measured: histograms as bcc prints them, flame graphs, and files that other viewers open. Values in,
 * text or bytes out: nothing here reads or writes a file, and all of it works on every operating system.
 *
 * @module
 */

export { type FlameGraphHtmlOptions, flameGraphHtml } from './flame/html.ts'
export type { FlameGraphOptions } from './flame/options.ts'
export { type FlameGraphSvgOptions, flameGraphSvg } from './flame/svg.ts'
export { type Count, countLinear, countLog2 } from './histogram/count.ts'
export {
  type HistogramDocument,
  type HistogramDocumentSection,
  histogramDocument,
  type JsonInteger,
} from './histogram/document.ts'
export {
  type Histogram,
  type HistogramOptions,
  type HistogramSection,
  type LinearOptions,
  type Log2Options,
  linearHistogram,
  log2Histogram,
  type SectionKey,
  type SectionOptions,
  type SlotCounts,
} from './histogram/histogram.ts'
export { type HistogramSvgOptions, histogramSvg } from './histogram/svg.ts'
export { type HistogramTextOptions, histogramText } from './histogram/text.ts'
export { type FoldedOptions, foldedText, parseFolded } from './stacks/folded.ts'
export { type PprofOptions, pprofBytes } from './stacks/pprof.ts'
export {
  type SpeedscopeDocument,
  type SpeedscopeFrame,
  type SpeedscopeOptions,
  speedscopeDocument,
} from './stacks/speedscope.ts'
export type { Frame, FrameKind, StackCount, StackUnit } from './stacks/stack.ts'
export {
  type FunctionCount,
  type PathStep,
  type StackSummary,
  summarizeStacks,
} from './stacks/summary.ts'
export {
  type ChromeTraceDocument,
  type ChromeTraceEvent,
  type ChromeTraceOptions,
  chromeTraceDocument,
  type TraceArguments,
  type TraceCounter,
  type TraceEvent,
  type TraceEventBase,
  type TraceInstant,
  type TraceSlice,
} from './trace-events.ts'
