/**
 * Names for addresses, and what is known of the kernel's functions.
 *
 * @module
 */

export { explainFunction, type FunctionFacts, functionFacts, type ProbeKind } from './explain-function.ts'
export { type KernelSymbol, KernelSymbols, type SymbolAt, splitModule } from './kallsyms.ts'
export { syscallPrefix } from './syscall-wrapper.ts'
export {
  ambiguousFunctions,
  kprobeBlacklist,
  parseTraceableFunctions,
  type TraceableFunction,
  traceableFunctions,
} from './traceable.ts'
