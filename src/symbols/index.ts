/**
 * Names for addresses, and what is known of the kernel's functions.
 *
 * @module
 */

export { explainFunction, type ProbeKind } from './explain-function.ts'
export { type KernelSymbol, KernelSymbols, type SymbolAt } from './kallsyms.ts'
export { kprobeBlacklist, type TraceableFunction, traceableFunctions } from './traceable.ts'
