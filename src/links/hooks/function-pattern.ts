/**
 * Patterns for functions of the kernel: which ones match, and which of these can be traced.
 *
 * Source: libbpf `libbpf_available_kprobes_parse`, `glob_match`; what users of bcc expect of `event_re`.
 *
 * @module
 */

import { BpfError } from '../../base/errors.ts'
import { matchesGlob } from '../../base/glob.ts'
import { type KernelSymbol, KernelSymbols, splitModule } from '../../symbols/kallsyms.ts'
import { kprobeBlacklist, type TraceableFunction, traceableFunctions } from '../../symbols/traceable.ts'

/** A glob (`*` any text, `?` any character) or a regular expression that the whole name must match. */
export type FunctionPattern = string | RegExp

/** A function that matches but cannot be attached to. */
export interface RejectedFunction {
  readonly name: string
  readonly reason: /** On the kprobe blacklist. */
    | 'blacklisted'
    /** Marked notrace, or in a section that ftrace leaves alone. */
    | 'notrace'
    /**
     * Several functions have this name; of kprobes, where the kernel does not show their addresses (before Linux 6.5).
     */
    | 'ambiguous'
    /** Of trampolines: BTF does not have the function. */
    | 'untyped'
    /** Of trampolines: they cannot pass its arguments or its result. */
    | 'arguments'
    /** Of trampolines: the kernel does not attach to it, such as programs that may sleep where they must not. */
    | 'refused'
}

/** What a pattern stands for on this kernel. */
export interface MatchedFunctions {
  readonly functions: TraceableFunction[]
  readonly rejected: RejectedFunction[]
}

/** What is needed of a symbol. */
export type FunctionSymbol = Pick<KernelSymbol, 'name' | 'address' | 'module'>

/** Symbols that the compiler adds to a function: padding before it, its type's hash, its unlikely part. */
const ARTIFACT = /^__(?:pfx|cfi)_|\.cold(?:\.\d+)?$/
/** Bytes that a function may have before its trace site, at most: `endbr64` on x86, `bti c` and a move on arm64. */
const BEFORE_TRACE_SITE = 16n

/** Whether a pattern is one for functions of certain modules. */
export function isQualified(pattern: FunctionPattern): boolean {
  return typeof pattern === 'string' && splitModule(pattern)[0] !== undefined
}

/**
 * A pattern as a predicate on kernel functions: whole names, and modules where a glob is qualified by another,
 * `'nf_conntrack:nf_ct_*'`. `'vmlinux'` stands for the kernel itself.
 *
 * @throws BpfError when it is empty
 */
function kernelFunctionMatcher(pattern: FunctionPattern): (name: string, module?: string) => boolean {
  const [module, plain] = typeof pattern === 'string' ? splitModule(pattern) : [undefined, pattern]
  const matchesName = functionMatcher(plain)
  if (module === undefined) return matchesName
  const matchesModule = functionMatcher(module)
  return (name, from = 'vmlinux') => matchesName(name) && matchesModule(from)
}

/**
 * The functions that match a pattern, which may be qualified by modules.
 *
 * @throws BpfError when the pattern is empty, or the list of traceable functions cannot be read
 */
export function matchFunctions(pattern: FunctionPattern): MatchedFunctions {
  // First, so that a pattern that cannot be used costs nothing.
  kernelFunctionMatcher(pattern)
  return selectFunctions(pattern, traceableFunctions(), kprobeBlacklist(), KernelSymbols.read().functions())
}

/** As `matchFunctions`, from given facts. */
export function selectFunctions(
  pattern: FunctionPattern,
  traceable: readonly TraceableFunction[],
  blacklist: ReadonlySet<string>,
  symbols: Iterable<FunctionSymbol>,
): MatchedFunctions {
  const matches = kernelFunctionMatcher(pattern)
  const matching = traceable.filter(({ name, module }) => matches(name, module))
  const sites = countNames(matching)
  const starts = new Map<string, bigint[]>()
  const rejected = new Map<string, RejectedFunction['reason']>()
  for (const { name, address, module } of symbols) {
    if (!matches(name, module)) continue
    if (sites.has(name)) starts.set(name, [...(starts.get(name) ?? []), address])
    // The kernel lists loaded BPF programs as symbols of a module.
    else if (module !== 'bpf' && !ARTIFACT.test(name)) rejected.set(name, 'notrace')
  }
  const functions: TraceableFunction[] = []
  for (const each of matching) {
    const { name, address } = each
    if (blacklist.has(name)) rejected.set(name, 'blacklisted')
    else if (address !== undefined) functions.push({ ...each, address: startOf(address, starts.get(name)) })
    else if (sites.get(name)! > 1) rejected.set(name, 'ambiguous')
    else functions.push(each)
  }
  for (const name of rejected.keys()) if (blacklist.has(name)) rejected.set(name, 'blacklisted')
  return { functions, rejected: Array.from(rejected, ([name, reason]) => ({ name, reason })) }
}

function countNames(functions: readonly TraceableFunction[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { name } of functions) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

/**
 * Where the function of a trace site starts: kretprobes take nothing else on some architectures, and cookies and
 * symbols are looked up by it. The site itself when symbols have no addresses for this user.
 */
function startOf(site: bigint, starts: readonly bigint[] = []): bigint {
  return starts.find(start => start <= site && site - start <= BEFORE_TRACE_SITE) ?? site
}

/** The error of a pattern that leaves nothing to attach to. `what` names the attachment. */
export function noMatch(
  what: string,
  pattern: FunctionPattern,
  rejected: readonly RejectedFunction[],
): BpfError {
  const [first] = rejected
  const why =
    first === undefined
      ? 'no function matches'
      : `${rejected.length} match but none can be attached to, such as ${first.name} (${first.reason})`
  return new BpfError(`Cannot attach ${what}: ${why} ${pattern}`, { code: 'ENOENT' })
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
  return name => matchesGlob(pattern, name)
}
