/**
 * Kprobes on many functions in one link, through ftrace: attaching ten thousand takes one system call.
 *
 * Source: kernel/trace/bpf_trace.c `bpf_kprobe_multi_link_attach`; libbpf `bpf_program__attach_kprobe_multi_opts`.
 *
 * @module
 */

import { attachTypes } from '../../../abi/generated/enums.ts'
import { BpfError, NotSupportedError } from '../../../base/errors.ts'
import { features } from '../../../kernel/features.ts'
import type { Feature } from '../../../kernel/probe.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import { KernelLink, type Link, type ProgramHandle } from '../../link.ts'
import { LinkGroup } from '../../link-group.ts'
import { requireCookie } from '../cookie.ts'
import {
  type FunctionPattern,
  type MatchedFunctions,
  matchFunctions,
  type RejectedFunction,
} from '../function-pattern.ts'
import { kprobe, kretprobe } from './kprobe.ts'
import {
  attachError,
  duplicateSymbolError,
  type KprobeMultiAttachType,
  symbolPointers,
  targetName,
} from './kprobe-multi-targets.ts'

const BPF_F_KPROBE_MULTI_RETURN = 1

/** What to attach to, and how. Give one of `symbols`, `addresses` and `pattern`. */
export interface KprobeMultiOptions {
  /** Names of functions. */
  symbols?: readonly string[]
  /** Addresses of functions. */
  addresses?: readonly bigint[]
  /** A glob or regular expression; those that cannot be attached to are left out, and reported as `rejected`. */
  pattern?: FunctionPattern
  /** For each symbol or address, the number that the program reads there with `bpf_get_attach_cookie`. */
  cookies?: readonly bigint[]
  /** Run at the return of the functions instead of their entry. Default: `false`. */
  returns?: boolean
  /** Whether the pattern must match exactly one function. Default: `false`. */
  uniqueMatch?: boolean
  /** Where the kernel has no kprobe_multi, attach a kprobe to each function instead. Default: `'none'`. */
  fallback?: 'none' | 'kprobe'
}

/** A link to many functions. */
export interface KprobeMultiLink extends Link {
  /** Number of functions that it is attached to. */
  readonly count: number
  /** Functions that the pattern matches but that cannot be attached to. */
  readonly rejected: readonly RejectedFunction[]
}

/**
 * Attaches a `kprobe` program with attach type `trace_kprobe_multi` to many functions (5.18, needs CONFIG_FPROBE).
 *
 * The fallback takes the same program, but its kprobes can have cookies only when the program was loaded without an
 * attach type.
 *
 * @throws NotSupportedError when the kernel lacks it, and there is no `fallback`
 * @throws BpfError when a function does not exist, exists twice or cannot be traced, with the reason, or when no
 *   function matches
 * @throws TypeError, RangeError when the options contradict each other
 */
export function kprobeMulti(program: ProgramHandle, options: KprobeMultiOptions): KprobeMultiLink {
  return attach(program, options, 'trace_kprobe_multi')
}

/**
 * Attaches a `kprobe` program with attach type `trace_kprobe_session` to many functions: it runs at their entry and,
 * unless it returns 1 there, at their return (6.10). Throws as `kprobeMulti` does; there is no fallback.
 */
export function kprobeSession(
  program: ProgramHandle,
  options: Omit<KprobeMultiOptions, 'returns' | 'fallback'>,
): KprobeMultiLink {
  return attach(program, { ...options, returns: false, fallback: 'none' }, 'trace_kprobe_session')
}

function attach(
  program: ProgramHandle,
  options: KprobeMultiOptions,
  attachType: KprobeMultiAttachType,
): KprobeMultiLink {
  const feature = attachType === 'trace_kprobe_multi' ? features.kprobeMulti : features.kprobeSession
  const what = `program ${program.name} to many functions`
  checkOptions(what, options)
  const lacking = feature.probe() === 'no'
  if (lacking && options.fallback !== 'kprobe') throw notSupported(feature)
  const { symbols, addresses, rejected } = targetsOf(what, options)
  const count = symbols?.length ?? addresses?.length ?? 0
  if (lacking) {
    const group = attachEach(program, symbols ?? addresses ?? [], options)
    return Object.assign(group, { count, rejected })
  }
  const ambiguous = duplicateSymbolError(what, symbols)
  if (ambiguous !== undefined) throw ambiguous
  const result = bpf('link_create', {
    prog_fd: program.fd,
    attach_type: attachTypes[attachType],
    kprobe_multi: {
      flags: options.returns === true ? BPF_F_KPROBE_MULTI_RETURN : 0,
      cnt: count,
      ...(symbols === undefined
        ? { addrs: BigUint64Array.from(addresses ?? []) }
        : { syms: symbolPointers(symbols) }),
      ...(options.cookies === undefined ? {} : { cookies: BigUint64Array.from(options.cookies) }),
    },
  })
  if (result < 0) throw attachError(what, result, program, attachType, symbols ?? addresses ?? [])
  const link = new KernelLink(OwnedFd.adopt(result, `link of ${what}`))
  return Object.assign(link, { count, rejected })
}

/** Says what to use instead. */
function notSupported(feature: Feature): NotSupportedError {
  const hint =
    feature === features.kprobeMulti
      ? "kprobe() attaches to one function, fallback: 'kprobe' to each of many; the kernel may also lack CONFIG_FPROBE"
      : 'kprobeMulti() attaches a program to the entry of functions, and with returns: true another to their return'
  return new NotSupportedError(feature.name, feature.since, { hint })
}

function checkOptions(what: string, options: KprobeMultiOptions): void {
  const { symbols, addresses, pattern, cookies, uniqueMatch } = options
  if ([symbols, addresses, pattern].filter(each => each !== undefined).length !== 1) {
    throw new TypeError(`Cannot attach ${what}: give one of symbols, addresses and pattern`)
  }
  if (uniqueMatch === true && pattern === undefined) {
    throw new TypeError(`Cannot attach ${what}: uniqueMatch needs a pattern`)
  }
  const list: readonly (string | bigint)[] | undefined = symbols ?? addresses
  if (list === undefined) {
    if (cookies === undefined) return
    throw new TypeError(`Cannot attach ${what}: cookies need symbols or addresses, not a pattern`)
  }
  if (list.length === 0) throw new RangeError(`Cannot attach ${what}: there are none`)
  if (new Set(list).size < list.length) throw givenTwice(what, list)
  if (cookies === undefined) return
  if (cookies.length !== list.length) {
    throw new RangeError(`Cannot attach ${what}: ${cookies.length} cookies for ${list.length} functions`)
  }
  for (const cookie of cookies) requireCookie(what, cookie)
}

/** The kernel would look for another function of that name. */
function givenTwice(what: string, list: readonly (string | bigint)[]): RangeError {
  const once = new Set<string | bigint>()
  const twice = list.find(each => once.size === once.add(each).size)!
  return new RangeError(`Cannot attach ${what}: ${targetName(twice)} is given twice`)
}

interface Targets {
  symbols?: readonly string[] | undefined
  addresses?: readonly bigint[] | undefined
  rejected: readonly RejectedFunction[]
}

function targetsOf(what: string, options: KprobeMultiOptions): Targets {
  const { symbols, addresses, pattern, uniqueMatch } = options
  if (pattern === undefined) return { symbols, addresses, rejected: [] }
  const { functions, rejected } = matchFunctions(pattern)
  if (functions.length === 0) throw noMatch(what, pattern, rejected)
  if (uniqueMatch === true && functions.length > 1) {
    const names = functions.slice(0, 5).map(({ name }) => name)
    throw new BpfError(
      `Cannot attach ${what}: ${pattern} matches ${functions.length} functions, such as ${names.join(', ')}`,
      { code: 'ERR_AMBIGUOUS' },
    )
  }
  return { ...placesOf(functions), rejected }
}

/** Addresses where the kernel tells them, since several functions may share a name. */
function placesOf(functions: MatchedFunctions['functions']): Omit<Targets, 'rejected'> {
  const addresses = functions.map(({ address }) => address)
  if (addresses.every((each): each is bigint => each !== undefined && each !== 0n)) return { addresses }
  return { symbols: functions.map(({ name }) => name) }
}

function noMatch(what: string, pattern: FunctionPattern, rejected: readonly RejectedFunction[]): BpfError {
  const [first] = rejected
  const why =
    first === undefined
      ? 'no function matches'
      : `${rejected.length} match but none can be attached to, such as ${first.name} (${first.reason})`
  return new BpfError(`Cannot attach ${what}: ${why} ${pattern}`, { code: 'ENOENT' })
}

/** One kprobe per function. Links of perf events refuse programs that were loaded for kprobe_multi, ioctls do not. */
function attachEach(
  program: ProgramHandle,
  targets: readonly (string | bigint)[],
  { cookies, returns }: KprobeMultiOptions,
): LinkGroup {
  const { spec } = program
  if (cookies !== undefined && spec?.expectedAttachType !== undefined && spec.expectedAttachType !== 0) {
    throw new BpfError(
      `Cannot attach program ${program.name} to kprobes with cookies: it must be loaded without expectedAttachType, which this kernel has no use for`,
      { code: 'ERR_ATTACH_TYPE' },
    )
  }
  const links: Link[] = []
  try {
    targets.forEach((target, index) => {
      const cookie = cookies?.[index]
      const options = cookie === undefined ? ({ mode: 'perf' } as const) : ({ mode: 'link', cookie } as const)
      links.push(returns === true ? kretprobe(program, target, options) : kprobe(program, target, options))
    })
    return new LinkGroup(links)
  } catch (error) {
    for (const link of links) link.close()
    throw error
  }
}
