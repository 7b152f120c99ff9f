/**
 * Trampolines at many functions of the kernel in one link: what fentry costs, attached as kprobe_multi is.
 *
 * Source: kernel/trace/bpf_trace.c `bpf_tracing_multi_attach`; libbpf 1.8 `bpf_program__attach_tracing_multi`.
 *
 * @module
 */

import { attachTypes } from '../../../abi/generated/enums.ts'
import { attachTypeSince } from '../../../abi/since.ts'
import { features } from '../../../kernel/probes/features.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import type { ProgramHandle } from '../../link.ts'
import { requireCookie } from '../cookie.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { type FunctionPattern, noMatch } from '../function-pattern.ts'
import { copyOfList } from '../list.ts'
import { requireAttachType, requireProgramType } from '../program-kind.ts'
import { TracingMultiLink } from './tracing-multi-link.ts'
import { type TracingMultiUse, tracingMultiError, withoutRefused } from './tracing-multi-refusal.ts'
import { idsOf, idsOfPattern, type TypedFunctions } from './tracing-multi-targets.ts'
import { trampolineFacts } from './trampoline.ts'

/** What to attach to. Give one of `symbols`, `ids` and `pattern`. */
export interface TracingMultiOptions {
  /** Names of functions of the kernel, or of the module that the program was loaded for. */
  symbols?: readonly string[]
  /** BTF ids of functions, in the BTF of the kernel or of that module. */
  ids?: readonly number[]
  /** A glob or regular expression; those that cannot be attached to are left out, and reported as `rejected`. */
  pattern?: FunctionPattern
  /** For each symbol or id, the number that the program reads there with `bpf_get_attach_cookie`. */
  cookies?: readonly bigint[]
}

/**
 * Attaches a `tracing` program of attach type `trace_fentry_multi`: it runs when the functions are entered, and reads
 * their arguments with `bpf_get_func_arg`. Since Linux 7.2.
 *
 * @throws NotSupportedError when the kernel lacks it
 * @throws BpfError with `ERR_PROGRAM_TYPE` or `ERR_ATTACH_TYPE` when the program was loaded for something else,
 *   `ERR_INVALID_SPEC` for functions of another module than it was loaded for, `ENOENT` when no function matches or one
 *   does not exist, and with the reason when the kernel refuses one
 * @throws TypeError, RangeError when the options contradict each other
 */
export function fentryMulti(program: ProgramHandle, options: TracingMultiOptions): TracingMultiLink {
  return attach({ program, hook: 'fentry_multi', attachType: 'trace_fentry_multi' }, options)
}

/**
 * Attaches a `tracing` program of attach type `trace_fexit_multi`: it runs when the functions return, and reads what they
 * return with `bpf_get_func_ret`. Since Linux 7.2. Throws as `fentryMulti` does.
 */
export function fexitMulti(program: ProgramHandle, options: TracingMultiOptions): TracingMultiLink {
  return attach({ program, hook: 'fexit_multi', attachType: 'trace_fexit_multi' }, options)
}

/**
 * Attaches a `tracing` program of attach type `trace_fsession_multi`: it runs when the functions are entered and when
 * they return; `bpf_session_is_return` answers which. Since Linux 7.2. Throws as `fentryMulti` does.
 */
export function fsessionMulti(program: ProgramHandle, options: TracingMultiOptions): TracingMultiLink {
  return attach({ program, hook: 'fsession_multi', attachType: 'trace_fsession_multi' }, options)
}

function attach(use: TracingMultiUse, options: TracingMultiOptions): TracingMultiLink {
  const { program, attachType } = use
  const what = `program ${program.name} to many functions`
  requireProgramType(what, use)
  const { pattern, ...lists } = options
  const symbols = copyOfList(what, 'symbols', lists.symbols)
  const ids = copyOfList(what, 'ids', lists.ids)
  const cookies = copyOfList(what, 'cookies', lists.cookies)
  if ([symbols, ids, pattern].filter(each => each !== undefined).length !== 1) {
    throw new TypeError(`Cannot attach ${what}: give one of symbols, ids and pattern`)
  }
  if (pattern !== undefined && cookies !== undefined) {
    throw new TypeError(`Cannot attach ${what}: cookies need symbols or ids, not a pattern`)
  }
  features.tracingMulti.require()
  requireAttachType(program, what, attachType)
  if (pattern !== undefined) return attachMatching(what, use, pattern)
  const targets = listed(what, program, symbols ?? ids ?? [])
  for (const each of cookies ?? []) requireCookie(what, each)
  if (cookies !== undefined && cookies.length !== targets.length) {
    throw new RangeError(`Cannot attach ${what}: ${cookies.length} cookies for ${targets.length} functions`)
  }
  return adopt(what, use, { ids: targets, rejected: [] }, create(use, targets, cookies))
}

/** The ids of functions that are given by name or by id; the kernel refuses two that are the same. */
function listed(what: string, program: ProgramHandle, list: readonly (string | number)[]): number[] {
  if (list.length === 0) throw new RangeError(`Cannot attach ${what}: the list is empty`)
  const ids = idsOf(what, program, list)
  const once = new Set<number>()
  const twice = ids.findIndex(id => once.size === once.add(id).size)
  if (twice !== -1) throw new RangeError(`Cannot attach ${what}: ${list[twice]} is given twice`)
  return ids
}

function attachMatching(what: string, use: TracingMultiUse, pattern: FunctionPattern): TracingMultiLink {
  const matching = idsOfPattern(what, use.program, pattern)
  if (matching.ids.length === 0) throw noMatch(what, pattern, matching.rejected)
  const result = create(use, matching.ids)
  if (result >= 0) return adopt(what, use, matching, result)
  // It attaches to all functions or to none.
  const left = withoutRefused(use, result, matching)
  const again = left.ids.length > 0 && left.ids.length < matching.ids.length
  return again ? adopt(what, use, left, create(use, left.ids)) : adopt(what, use, matching, result)
}

function create(
  { program, attachType }: TracingMultiUse,
  ids: readonly number[],
  cookies?: readonly bigint[],
): number {
  const tracing_multi = {
    ids: Uint32Array.from(ids),
    cnt: ids.length,
    ...(cookies === undefined ? {} : { cookies: BigUint64Array.from(cookies) }),
  }
  return bpf('link_create', { tracing_multi, prog_fd: program.fd, attach_type: attachTypes[attachType] })
}

function adopt(
  what: string,
  use: TracingMultiUse,
  { ids, rejected }: TypedFunctions,
  result: number,
): TracingMultiLink {
  if (result < 0) throw tracingMultiError(what, result, use, ids)
  return new TracingMultiLink(OwnedFd.adopt(result, `link of ${what}`), ids.length, rejected)
}

type MultiFacts = Pick<HookDefinition, 'linkType' | 'feature' | 'config' | 'target'>

const multiFacts: MultiFacts = {
  linkType: 'tracing_multi',
  feature: features.tracingMulti,
  config: trampolineFacts.config,
  target: 'PATTERN',
}

/** By the pattern that follows the section's name. */
const byPattern = (multi: typeof fentryMulti, where: string): HookDefinition['bySection'] =>
  bySection((program, pattern) => {
    const link = multi(program, { pattern })
    return { link, target: `${where} of ${link.count} functions ${pattern}` }
  })

/** The hook `fentry_multi`. */
export const fentryMultiHook: HookDefinition = {
  ...multiFacts,
  attachesTo: 'the entry of many kernel functions, by trampolines',
  call: "fentryMulti(program, { pattern: 'vfs_*' })",
  since: attachTypeSince.trace_fentry_multi,
  bySection: byPattern(fentryMulti, 'entry'),
}

/** The hook `fexit_multi`. */
export const fexitMultiHook: HookDefinition = {
  ...multiFacts,
  attachesTo: 'the return of many kernel functions, by trampolines',
  call: "fexitMulti(program, { pattern: 'vfs_*' })",
  since: attachTypeSince.trace_fexit_multi,
  bySection: byPattern(fexitMulti, 'return'),
}

/** The hook `fsession_multi`. */
export const fsessionMultiHook: HookDefinition = {
  ...multiFacts,
  attachesTo: 'the entry and the return of many kernel functions, by trampolines',
  call: "fsessionMulti(program, { pattern: 'vfs_*' })",
  since: attachTypeSince.trace_fsession_multi,
  bySection: byPattern(fsessionMulti, 'entry and return'),
}
