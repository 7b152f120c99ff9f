/**
 * Kprobes: programs at any instruction of the kernel, and at the return of functions.
 *
 * Source: libbpf `bpf_program__attach_kprobe_opts`; kernel/events/core.c `perf_kprobe_event_init`;
 * Documentation/trace/kprobetrace.rst.
 *
 * @module
 */

import { perfEventAttr } from '../../../abi/generated/layouts.ts'
import { attachTypeSince, programTypeSince } from '../../../abi/since.ts'
import type { BpfErrorCode } from '../../../base/error-codes.ts'
import { BpfError, unlessRefused, withReason } from '../../../base/errors.ts'
import { features } from '../../../kernel/probes/features.ts'
import { explainFunction, unreadableSymbols } from '../../../symbols/explain-function.ts'
import { functionAddress } from '../../../symbols/function-address.ts'
import { KernelSymbols, splitModule } from '../../../symbols/kallsyms.ts'
import { nativeString } from '../../../syscalls/memory.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { attachProbe, type ProbeMode, type ProbeRequest } from '../perf-event/probe.ts'
import { splitOffset } from '../section-target.ts'

/** How to attach a kprobe. */
export interface KprobeOptions {
  /** Bytes behind the start of the function; must be the start of an instruction. Default: 0. */
  offset?: number
  /** Number that the program reads with `bpf_get_attach_cookie`. Since Linux 5.15, with a link. */
  cookie?: bigint
  /** Default: `'auto'`. */
  mode?: ProbeMode
}

/** How to attach a kretprobe. */
export interface KretprobeOptions {
  /** Number that the program reads with `bpf_get_attach_cookie`. Since Linux 5.15, with a link. */
  cookie?: bigint
  /** Default: `'auto'`. */
  mode?: ProbeMode
  /**
   * How many calls may be under way at a time, at most 4096; further ones are missed. Makes the probe through tracefs.
   * Since Linux 4.12. Default: the kernel decides.
   */
  maxactive?: number
}

/** What to probe: a function's name, also `'module:name'`, or the address of an instruction. */
export type KprobeTarget = string | bigint

/** The kernel's limit for `maxactive`. Source: kernel/trace/trace_kprobe.c `KRETPROBE_MAXACTIVE_MAX`. */
const MAX_MAXACTIVE = 4096

/**
 * Attaches a `kprobe` program to an instruction of the kernel. Since Linux 4.1.
 *
 * @param target function, or address
 * @throws BpfError when the kernel refuses; the message says why: no such symbol, several of that name, on the
 *   blacklist, not traceable, no instruction starts there
 * @throws TypeError, RangeError when the target is neither a name nor an address, or an option does not fit
 * @throws NotSupportedError when the mode, or a cookie, needs a later kernel
 */
export function kprobe(program: ProgramHandle, target: KprobeTarget, options: KprobeOptions = {}): Link {
  const { offset = 0 } = options
  checkTarget('kprobe', target)
  if (!Number.isInteger(offset) || offset < 0 || offset > 0xffff_ffff) {
    throw new RangeError(`Cannot attach a kprobe: offset ${offset} is not a 32-bit number`)
  }
  const name = nameOf(target)
  return attach(program, target, offset, options, {
    returns: false,
    target: `kprobe ${offset === 0 ? name : `${name}+${offset}`}`,
    place: () => tracefsPlace(target, offset),
    maxactive: 0,
  })
}

/**
 * Attaches a `kprobe` program to the return of a function. Since Linux 4.1. Throws as `kprobe` does.
 *
 * @param target function, or its address
 */
export function kretprobe(
  program: ProgramHandle,
  target: KprobeTarget,
  options: KretprobeOptions = {},
): Link {
  const { maxactive = 0, mode = 'auto' } = options
  checkTarget('kretprobe', target)
  if (!Number.isInteger(maxactive) || maxactive < 0 || maxactive > MAX_MAXACTIVE) {
    throw new RangeError(
      `Cannot attach a kretprobe: maxactive ${maxactive} is not from 1 to ${MAX_MAXACTIVE}`,
    )
  }
  if (maxactive > 0 && mode !== 'auto' && mode !== 'legacy') {
    throw new TypeError(`Cannot attach a kretprobe: maxactive needs mode 'legacy' or 'auto', not '${mode}'`)
  }
  const name = nameOf(target)
  return attach(program, target, 0, options, {
    returns: true,
    target: `kretprobe ${name}`,
    place: () => tracefsPlace(target, 0),
    maxactive,
  })
}

function attach(
  program: ProgramHandle,
  target: KprobeTarget,
  offset: number,
  { cookie, mode = 'auto' }: { cookie?: bigint; mode?: ProbeMode },
  request: Pick<ProbeRequest, 'returns' | 'target' | 'place' | 'maxactive'>,
): Link {
  return attachProbe(program, {
    ...request,
    kind: 'kprobe',
    pid: -1,
    cookie,
    mode,
    pmu: () => ({ config: 0n, ...pmuPlace(target, offset) }),
    explain: error => explain(error, target, offset),
  })
}

/** A symbol, which a module may qualify: what the kernel itself splits names by must not be in it. */
const SYMBOL = /^(?:[\w-]+:)?[a-z_.$][\w.$]*$/i

function checkTarget(what: string, target: KprobeTarget): void {
  if (typeof target === 'bigint') {
    if (target <= 0n || BigInt.asUintN(64, target) !== target) {
      throw new RangeError(`Cannot attach a ${what}: ${target} is not an address`)
    }
  } else if (!SYMBOL.test(target)) {
    throw new TypeError(`Cannot attach a ${what}: ${JSON.stringify(target)} is not the name of a function`)
  }
}

/**
 * A place as tracefs takes it, which knows modules, but not the kernel itself as one.
 *
 * For a module or an address that is not there it makes a probe that waits for the module to be loaded. That is an
 * error here, as it is for the PMU.
 */
function tracefsPlace(target: KprobeTarget, offset: number): string {
  if (typeof target === 'bigint') {
    const address = target + BigInt(offset)
    checkCode(address)
    return nameOf(address)
  }
  const [module, plain] = splitModule(target)
  if (module !== undefined) functionAddress(KernelSymbols.read(), target)
  return `${module === 'vmlinux' ? plain : target}+${offset}`
}

/** Throws when an address is for certain in no function. */
function checkCode(address: bigint): void {
  const symbols = KernelSymbols.read()
  const addressesHidden = symbols.at(MAX_ADDRESS) === undefined
  if (addressesHidden || /[tw]/i.test(symbols.at(address)?.symbol.type ?? '')) return
  throw new BpfError(`Cannot find a function at ${nameOf(address)}`, { code: 'ENOENT' })
}

const MAX_ADDRESS = (1n << 64n) - 1n

function nameOf(target: KprobeTarget): string {
  return typeof target === 'bigint' ? `0x${target.toString(16)}` : target
}

/** The PMU takes plain symbols and addresses; what is qualified by a module becomes an address. */
function pmuPlace(target: KprobeTarget, offset: number): Omit<ReturnType<ProbeRequest['pmu']>, 'config'> {
  if (typeof target === 'string' && splitModule(target)[0] === undefined) {
    const symbol = nativeString(target)
    const fields = [
      [perfEventAttr.kprobe_func, BigInt(symbol.address)],
      [perfEventAttr.probe_offset, BigInt(offset)],
    ] as const
    return { fields, pointees: [symbol] }
  }
  const start = typeof target === 'bigint' ? target : functionAddress(KernelSymbols.read(), target)
  return { fields: [[perfEventAttr.kprobe_addr, start + BigInt(offset)]], pointees: [] }
}

/** What the kernel answers for a symbol that it cannot find, or may not probe. */
const EXPLAINED: ReadonlySet<BpfErrorCode> = new Set(['ENOENT', 'EADDRNOTAVAIL', 'EINVAL', 'EILSEQ', 'ESRCH'])

/** Adds why the kernel does not probe a function. */
function explain(error: unknown, target: KprobeTarget, offset: number): unknown {
  if (!(error instanceof BpfError) || !EXPLAINED.has(error.code)) return error
  if (typeof target === 'bigint') {
    return withReason(error, explainAddress(target + BigInt(offset)))
  }
  // x86 says EILSEQ where no instruction starts, others EINVAL, which has more reasons.
  const known = error.code === 'EILSEQ' ? undefined : explainFunction(target, 'kprobe')
  const unread = known === undefined && error.code === 'ENOENT' ? unreadableSymbols() : undefined
  const reason =
    known ?? unread ?? (offset > 0 ? `no instruction of ${target} starts at offset ${offset}` : undefined)
  return reason === undefined ? error : withReason(error, reason)
}

/** Why an address cannot be probed, by the symbol that it belongs to. */
function explainAddress(address: bigint): string {
  const symbols = unlessRefused(() => KernelSymbols.read())
  const { symbol, offset = 0 } = symbols?.at(address) ?? {}
  if (symbols === undefined || symbols.hidden)
    return 'no instruction that may be probed starts there; symbols, which would say more, are hidden from this process'
  if (symbol === undefined) return 'it belongs to no symbol of the kernel'
  const name = symbol.module === undefined ? symbol.name : `${symbol.module}:${symbol.name}`
  const place = offset === 0 ? name : `${name}+${offset}`
  const known = explainFunction(name, 'kprobe')
  return known === undefined
    ? `it is ${place}, where no instruction that may be probed starts`
    : `it is ${place}: ${known}`
}

/** What the hooks of kprobes have in common. */
export const kprobeFacts: Pick<HookDefinition, 'since' | 'linkType' | 'linkSince' | 'feature' | 'config'> = {
  since: programTypeSince.kprobe,
  linkType: 'perf_event',
  linkSince: attachTypeSince.perf_event,
  feature: features.kprobe,
  config: 'CONFIG_KPROBES',
}

/** The hook `kprobe`. */
export const kprobeHook: HookDefinition = {
  ...kprobeFacts,
  attachesTo: 'an instruction of the kernel',
  call: "kprobe(program, 'vfs_read')",
  target: 'FUNCTION+OFFSET',
  bySection: bySection((program, target) => {
    const { name, offset } = splitOffset(target)
    return { link: kprobe(program, name, { offset }), target: `kprobe ${target}` }
  }),
}

/** The hook `kretprobe`. */
export const kretprobeHook: HookDefinition = {
  ...kprobeFacts,
  attachesTo: 'the return of a kernel function, by a breakpoint',
  call: "kretprobe(program, 'vfs_read')",
  target: 'FUNCTION',
  bySection: bySection((program, target) => ({
    link: kretprobe(program, target),
    target: `kretprobe ${target}`,
  })),
}
