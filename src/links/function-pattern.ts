/**
 * Patterns for functions of the kernel: which ones match, and which of these can be traced.
 *
 * Source: libbpf `libbpf_available_kprobes_parse`, `glob_match`; what users of bcc expect of `event_re`.
 *
 * @module
 */

import { BpfError } from '../errors.ts'
import {
  KernelSymbols,
  kprobeBlacklist,
  type TraceableFunction,
  traceableFunctions,
} from '../kernel/index.ts'

/** A glob (`*` any text, `?` any character) or a regular expression that the whole name must match. */
export type FunctionPattern = string | RegExp

/** A function that matches but cannot be attached to. */
export interface RejectedFunction {
  readonly name: string
  readonly reason: /** On the kprobe blacklist. */
    | 'blacklisted'
    /** Marked notrace, or in a section that ftrace leaves alone. */
    | 'notrace'
    /** Several functions have this name, and this kernel does not tell their addresses (before 6.5). */
    | 'ambiguous'
}

/** What a pattern stands for on this kernel. */
export interface MatchedFunctions {
  readonly functions: TraceableFunction[]
  readonly rejected: RejectedFunction[]
}

/**
 * The functions that match a pattern.
 *
 * @throws BpfError when the list of traceable functions cannot be read
 */
export function matchFunctions(pattern: FunctionPattern): MatchedFunctions {
  const symbols = new Set<string>()
  for (const { name } of KernelSymbols.read().functions()) symbols.add(name)
  return selectFunctions(pattern, traceableFunctions(), kprobeBlacklist(), symbols)
}

/** As `matchFunctions`, from given facts. */
export function selectFunctions(
  pattern: FunctionPattern,
  traceable: readonly TraceableFunction[],
  blacklist: ReadonlySet<string>,
  symbols: Iterable<string>,
): MatchedFunctions {
  const matches = functionMatcher(pattern)
  const rejected: RejectedFunction[] = []
  const functions: TraceableFunction[] = []
  const counts = new Map<string, number>()
  for (const { name } of traceable) counts.set(name, (counts.get(name) ?? 0) + 1)
  const reported = new Set<string>()
  const reject = (name: string, reason: RejectedFunction['reason']): void => {
    if (!reported.has(name)) rejected.push({ name, reason })
    reported.add(name)
  }
  for (const each of traceable) {
    if (!matches(each.name)) continue
    if (blacklist.has(each.name)) reject(each.name, 'blacklisted')
    else if (each.address === undefined && counts.get(each.name)! > 1) reject(each.name, 'ambiguous')
    else functions.push(each)
  }
  for (const name of symbols) {
    if (matches(name) && !counts.has(name)) reject(name, blacklist.has(name) ? 'blacklisted' : 'notrace')
  }
  return { functions, rejected }
}

/**
 * A pattern as a predicate on whole names.
 *
 * @throws BpfError when it is empty
 */
export function functionMatcher(pattern: FunctionPattern): (name: string) => boolean {
  if (pattern instanceof RegExp) {
    const whole = new RegExp(`^(?:${pattern.source})$`, pattern.flags.replace(/[gy]/g, ''))
    return name => whole.test(name)
  }
  if (pattern === '')
    throw new BpfError('Cannot match functions: the pattern is empty', { code: 'ERR_INVALID_PATTERN' })
  const glob = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  const whole = new RegExp(`^${glob}$`)
  return name => whole.test(name)
}
