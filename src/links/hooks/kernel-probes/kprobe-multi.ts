/**
 * Kprobes on many functions in one link, through ftrace: attaching ten thousand takes one system call.
 *
 * Source: kernel/trace/bpf_trace.c `bpf_kprobe_multi_link_attach`; libbpf `bpf_program__attach_kprobe_multi_opts`.
 *
 * @module
 */

import { attachTypes } from '../../../abi/generated/enums.ts'
import { BPF_F_KPROBE_MULTI_RETURN } from '../../../abi/generated/flags.ts'
import { attachTypeSince } from '../../../abi/since.ts'
import { BpfError, type NotSupportedError } from '../../../base/errors.ts'
import { lacking } from '../../../kernel/lacking.ts'
import { features } from '../../../kernel/probes/features.ts'
import type { Feature } from '../../../kernel/probes/probe.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { requireCookie } from '../cookie.ts'
import { bySection, type HookDefinition, type SectionAttachment } from '../definition.ts'
import {
  type FunctionPattern,
  isQualified,
  type MatchedFunctions,
  matchFunctions,
  noMatch,
  type RejectedFunction,
} from '../function-pattern.ts'
import { copyOfList } from '../list.ts'
import { requireAttachType, requireProgramType } from '../program-kind.ts'
import { kprobe, kretprobe } from './kprobe.ts'
import { KprobeGroup, KprobeMultiLink } from './kprobe-multi-link.ts'
import {
  attachError,
  duplicateSymbolError,
  type KprobeMultiAttachType,
  qualifiedAddresses,
  symbolPointers,
  targetName,
} from './kprobe-multi-targets.ts'

/** What to attach to, and how. Give one of `symbols`, `addresses` and `pattern`. */
export interface KprobeMultiOptions {
  /** Names of functions, also `'module:name'`; `'vmlinux:name'` means the kernel itself. */
  symbols?: readonly string[]
  /** Addresses of functions. */
  addresses?: readonly bigint[]
  /**
   * A glob or regular expression; those that cannot be attached to are left out, and reported as `rejected`. A glob may
   * be qualified by another for modules: `'nf_conntrack:nf_ct_*'`, `'vmlinux:vfs_*'`.
   */
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

/**
 * Attaches a `kprobe` program with attach type `trace_kprobe_multi` to many functions. Since Linux 5.18, needs
 * CONFIG_FPROBE.
 *
 * The fallback takes the same program, but its kprobes can have cookies only when the program was loaded without an
 * attach type.
 *
 * @throws NotSupportedError when the kernel lacks it, and `fallback` is `'none'`
 * @throws BpfError when a function does not exist, exists twice or cannot be traced, with the reason, or when no
 *   function matches
 * @throws TypeError, RangeError when the options contradict each other
 */
export function kprobeMulti(
  program: ProgramHandle,
  options: KprobeMultiOptions,
): KprobeMultiLink | KprobeGroup {
  const given = copyOf(program, options)
  if (given.fallback === 'kprobe' && features.kprobeMulti.probe() === 'no') return attachGroup(program, given)
  return attachLink(program, given, 'trace_kprobe_multi')
}

/**
 * Attaches a `kprobe` program with attach type `trace_kprobe_session` to many functions: it runs at their entry and,
 * unless it returns 1 there, at their return. Since Linux 6.10. Throws as `kprobeMulti` does, and never falls back.
 */
export function kprobeSession(
  program: ProgramHandle,
  options: Omit<KprobeMultiOptions, 'returns' | 'fallback'>,
): KprobeMultiLink {
  return attachLink(program, { ...copyOf(program, options), returns: false }, 'trace_kprobe_session')
}

/** Names the attachment in errors. */
const whatOf = (program: ProgramHandle): string => `program ${program.name} to many functions`

/** The options, each read once, with lists that the caller's code cannot change any more. */
function copyOf(program: ProgramHandle, options: KprobeMultiOptions): KprobeMultiOptions {
  const what = whatOf(program)
  const { symbols, addresses, cookies, ...rest } = options
  return {
    ...rest,
    symbols: copyOfList(what, 'symbols', symbols),
    addresses: copyOfList(what, 'addresses', addresses),
    cookies: copyOfList(what, 'cookies', cookies),
  } as KprobeMultiOptions
}

function attachLink(
  program: ProgramHandle,
  options: KprobeMultiOptions,
  attachType: KprobeMultiAttachType,
): KprobeMultiLink {
  const what = whatOf(program)
  requireProgramType(what, { program, hook: 'kprobe_multi' })
  checkOptions(what, options)
  const feature = attachType === 'trace_kprobe_multi' ? features.kprobeMulti : features.kprobeSession
  if (feature.probe() === 'no') throw notSupported(feature)
  requireAttachType(program, what, attachType)
  const given = targetsOf(what, options)
  const { rejected } = given
  const resolved = qualifiedAddresses(what, given.symbols)
  if (resolved !== undefined && new Set(resolved).size < resolved.length) throw givenTwice(what, resolved)
  const addresses = given.addresses ?? resolved
  const symbols = addresses === undefined ? given.symbols : undefined
  const targets: readonly (string | bigint)[] = symbols ?? addresses ?? []
  const ambiguous = duplicateSymbolError(what, symbols)
  if (ambiguous !== undefined) throw ambiguous
  const { returns, cookies } = options
  const kprobe_multi = {
    flags: returns === true ? BPF_F_KPROBE_MULTI_RETURN : 0,
    cnt: targets.length,
    ...(symbols === undefined
      ? { addrs: BigUint64Array.from(addresses ?? []) }
      : { syms: symbolPointers(symbols) }),
    ...(cookies === undefined ? {} : { cookies: BigUint64Array.from(cookies) }),
  }
  // The descriptor last: the caller's options may run code that closes the program.
  const fields = { kprobe_multi, prog_fd: program.fd, attach_type: attachTypes[attachType] }
  const result = bpf('link_create', fields)
  if (result < 0) throw attachError(what, result, program, attachType, targets)
  return new KprobeMultiLink(OwnedFd.adopt(result, `link of ${what}`), targets.length, rejected)
}

/** Says what to use instead. */
function notSupported(feature: Feature): NotSupportedError {
  const hint =
    feature === features.kprobeMulti
      ? `kprobe() attaches to one function, fallback: 'kprobe' to each of many; it is part of ${multiFacts.config}`
      : 'kprobeMulti() attaches a program to the entry of functions, and with returns: true another to their return'
  return lacking(feature.name, feature.since, { hint })
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
  if (list.length === 0) throw new RangeError(`Cannot attach ${what}: the list is empty`)
  for (const each of symbols ?? []) requireName(what, each)
  for (const each of addresses ?? []) requireAddress(what, each)
  if (new Set(list).size < list.length) throw givenTwice(what, list)
  if (cookies === undefined) return
  if (cookies.length !== list.length) {
    throw new RangeError(`Cannot attach ${what}: ${cookies.length} cookies for ${list.length} functions`)
  }
  for (const cookie of cookies) requireCookie(what, cookie)
}

/** The names are handed over one after the other: their lengths have to be what they seem. */
function requireName(what: string, name: string): void {
  if (typeof name === 'string' && !name.includes('\0')) return
  throw new TypeError(`Cannot attach ${what}: ${JSON.stringify(name)} is not the name of a function`)
}

function requireAddress(what: string, address: bigint): void {
  if (typeof address === 'bigint' && BigInt.asUintN(64, address) === address) return
  throw new RangeError(`Cannot attach ${what}: ${String(address)} is not an address`)
}

/** The kernel would look for another function of that name. */
function givenTwice(what: string, list: readonly (string | bigint)[]): RangeError {
  const once = new Set<string | bigint>()
  const twice = list.find(each => once.size === once.add(each).size)!
  return new RangeError(`Cannot attach ${what}: ${targetName(twice)} is given twice`)
}

/** Functions by name or by address. */
type Places =
  | { readonly symbols: readonly string[]; readonly addresses?: undefined }
  | { readonly symbols?: undefined; readonly addresses: readonly bigint[] }

function targetsOf(
  what: string,
  { symbols, addresses, pattern, uniqueMatch }: KprobeMultiOptions,
): Places & { readonly rejected: readonly RejectedFunction[] } {
  if (symbols !== undefined) return { symbols, rejected: [] }
  if (pattern === undefined) return { addresses: addresses ?? [], rejected: [] }
  const { functions, rejected } = matchFunctions(pattern)
  if (functions.length === 0) throw noMatch(what, pattern, rejected)
  if (uniqueMatch === true && functions.length > 1) {
    const names = functions.slice(0, 5).map(({ name }) => name)
    throw new BpfError(
      `Cannot attach ${what}: ${pattern} matches ${functions.length} functions, such as ${names.join(', ')}`,
      { code: 'ERR_AMBIGUOUS' },
    )
  }
  return { ...placesOf(functions, isQualified(pattern)), rejected }
}

/**
 * Addresses where the kernel shows them, since several functions may share a name.
 *
 * @param qualified whether names are of certain modules
 */
function placesOf(functions: MatchedFunctions['functions'], qualified: boolean): Places {
  const addresses = functions.map(({ address }) => address)
  if (addresses.every((each): each is bigint => each !== undefined && each !== 0n)) return { addresses }
  return {
    symbols: functions.map(({ name, module = 'vmlinux' }) => (qualified ? `${module}:${name}` : name)),
  }
}

/** One kprobe per function. Links of perf events refuse programs that were loaded for kprobe_multi, ioctls do not. */
function attachGroup(program: ProgramHandle, options: KprobeMultiOptions): KprobeGroup {
  const what = whatOf(program)
  checkOptions(what, options)
  const { spec } = program
  const { cookies, returns } = options
  const { symbols, addresses, rejected } = targetsOf(what, options)
  if (cookies !== undefined && spec?.expectedAttachType !== undefined && spec.expectedAttachType !== 0) {
    throw new BpfError(
      `Cannot attach program ${program.name} to kprobes with cookies: it must be loaded without expectedAttachType, which this kernel has no use for`,
      { code: 'ERR_ATTACH_TYPE' },
    )
  }
  const links: Link[] = []
  try {
    for (const [index, target] of (symbols ?? addresses).entries()) {
      const cookie = cookies?.[index]
      const mode = cookie === undefined ? ({ mode: 'perf' } as const) : ({ mode: 'link', cookie } as const)
      links.push(returns === true ? kretprobe(program, target, mode) : kprobe(program, target, mode))
    }
    return new KprobeGroup(links, rejected)
  } catch (error) {
    for (const link of links) link.close()
    throw error
  }
}

const multiFacts: Pick<HookDefinition, 'linkType' | 'config' | 'target'> = {
  linkType: 'kprobe_multi',
  config: 'CONFIG_FPROBE',
  target: 'PATTERN',
}

/** The hook `kprobe_multi`. */
export const kprobeMultiHook: HookDefinition = {
  ...multiFacts,
  attachesTo: 'the entry of many kernel functions',
  call: "kprobeMulti(program, { pattern: 'vfs_*' })",
  since: attachTypeSince.trace_kprobe_multi,
  feature: features.kprobeMulti,
  bySection: bySection((program, pattern) => attached(kprobeMulti(program, { pattern }), 'kprobes', pattern)),
}

/** The hook `kretprobe_multi`. */
export const kretprobeMultiHook: HookDefinition = {
  ...multiFacts,
  attachesTo: 'the return of many kernel functions',
  call: "kprobeMulti(program, { pattern: 'vfs_*', returns: true })",
  since: attachTypeSince.trace_kprobe_multi,
  feature: features.kprobeMulti,
  bySection: bySection((program, pattern) =>
    attached(kprobeMulti(program, { pattern, returns: true }), 'kretprobes', pattern),
  ),
}

/** The hook `kprobe_session`. */
export const kprobeSessionHook: HookDefinition = {
  ...multiFacts,
  attachesTo: 'the entry and the return of many kernel functions',
  call: "kprobeSession(program, { pattern: 'vfs_*' })",
  since: attachTypeSince.trace_kprobe_session,
  feature: features.kprobeSession,
  bySection: bySection((program, pattern) =>
    attached(kprobeSession(program, { pattern }), 'kprobe sessions', pattern),
  ),
}

function attached(link: KprobeMultiLink | KprobeGroup, what: string, pattern: string): SectionAttachment {
  return { link, target: `${link.count} ${what} ${pattern}` }
}
