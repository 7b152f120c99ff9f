/**
 * Names for addresses of the kernel and of processes, and what is known of the kernel's functions.
 *
 * @module
 */

export { demangle, loadDemangler } from './demangle/demangle.ts'
export { explainFunction, type ProbeKind } from './explain-function.ts'
export { type BuildIdOffset, type CodeLocation, frameLabel, type StackFrame } from './frame.ts'
export { type KernelSymbol, KernelSymbols, type SymbolAt } from './kallsyms.ts'
export type { ProcessSymbols } from './process/process-symbols.ts'
export { Symbolizer, type SymbolizerOptions } from './symbolizer.ts'
export { kprobeBlacklist, type TraceableFunction, traceableFunctions } from './traceable.ts'
