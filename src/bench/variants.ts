/**
 * The variants that are compared in the kernel: how each program is loaded and attached, and what the kernel needs for
 * it.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { featureSince } from '../abi/feature-since.ts'
import { BpfError, NotSupportedError } from '../base/errors.ts'
import { kernelBtf } from '../kernel/btf.ts'
import { defineFeature, type Feature } from '../kernel/probes/probe.ts'
import { kprobe, kretprobe } from '../links/hooks/kernel-probes/kprobe.ts'
import { kprobeMulti, kprobeSession } from '../links/hooks/kernel-probes/kprobe-multi.ts'
import { rawTracepoint } from '../links/hooks/kernel-probes/raw-tracepoint.ts'
import { tpBtf } from '../links/hooks/kernel-probes/tp-btf.ts'
import { tracepoint } from '../links/hooks/kernel-probes/tracepoint.ts'
import { hookDefinition } from '../links/hooks/registry.ts'
import { fentry } from '../links/hooks/tracing/fentry.ts'
import { fexit } from '../links/hooks/tracing/fexit.ts'
import { fmodRet } from '../links/hooks/tracing/fmod-ret.ts'
import { fsession } from '../links/hooks/tracing/fsession.ts'
import type { Link } from '../links/link.ts'
import { Program } from '../programs/program.ts'
import type { Hook } from '../programs/sections.ts'
import type { ProgramSpec } from '../programs/spec.ts'
import { bodies } from './bodies.ts'
import { type DriverName, TARGET_HELPER, TARGET_KFUNC, TRACEPOINT, TRACEPOINT_GROUP } from './driver.ts'
import { listKprobes } from './kprobe-list.ts'

/** What a variant needs of the kernel. */
export interface Need {
  readonly feature: Feature
  /** What it is: `'kprobes'`. */
  readonly what: string
  /** Option that the kernel must be built with. */
  readonly config?: string
  /** Says that the kernel has it but refuses it to every process, where that is so. */
  readonly refusal?: () => string | undefined
}

/**
 * What a hook needs.
 *
 * @param what names it: `'kprobes'`
 */
export function needOf(hook: Hook, what: string): Need {
  const { feature, config } = hookDefinition(hook)
  if (feature === undefined) throw new TypeError(`The hook ${hook} has no probe`)
  return { feature, what, ...(config === undefined ? {} : { config }) }
}

/** A need that is not met, in words: `'needs kprobes (Linux 4.1, CONFIG_KPROBES)'`. */
export function describeNeed({ feature, what, config, refusal }: Need): string {
  const refused = refusal?.()
  if (refused !== undefined) return refused
  const when = feature.since === undefined ? [] : [`Linux ${feature.since}`]
  const terms = [...when, ...(config === undefined ? [] : [config])]
  return `needs ${what}${terms.length === 0 ? '' : ` (${terms.join(', ')})`}`
}

/** An attachment: what keeps it, and how the kernel went about it where it had a choice. */
export interface Attachment {
  readonly link: Link
  /** What the kernel chose, such as `'ftrace'`. */
  readonly note?: string
}

/** A way to attach a program to a function of the kernel. */
export interface Variant {
  readonly name: string
  /** What happens at a hit, in a few words. */
  readonly summary: string
  /** Which driver triggers it, and so which base is subtracted. */
  readonly driver: Exclude<DriverName, 'loop'>
  /** How often the program runs when the target is called once. */
  readonly hitsPerCall: 1 | 2
  readonly needs: readonly Need[]
  /** How the program is loaded, apart from its instructions. */
  readonly load: Pick<ProgramSpec, 'type' | 'expectedAttachType' | 'attachTarget'>
  /** Attaches it; throws what the functions of `ebpf-ts/links` throw. */
  readonly attach: (program: Program) => Attachment | Promise<Attachment>
  /** Milliseconds that the kernel may take after it was detached to restore the target. Default: 0. */
  readonly settle?: number
}

const kfunc: Need = {
  feature: defineFeature(`The kfunc ${TARGET_KFUNC}`, featureSince.modifyReturnTestKfunc, () => {
    try {
      return kernelBtf().find(TARGET_KFUNC, 'func') === undefined ? 'no' : 'yes'
    } catch {
      return 'unknown'
    }
  }),
  what: `the kfunc ${TARGET_KFUNC}, without which no program can trigger it`,
}

const sessions = needOf('fsession', 'fsession')
const trampolines: Need = { ...needOf('fentry', 'fentry and fexit'), refusal: refusalOfTrampolines }
const kprobes = needOf('kprobe', 'kprobes')
const multi = needOf('kprobe_multi', 'kprobe_multi')
const session = needOf('kprobe_session', 'kprobe_session')

const tracing = { type: 'tracing', attachTarget: TARGET_HELPER } as const

function refusalOfTrampolines(): string | undefined {
  const instructions = [...bodies.empty.instructions]
  try {
    Program.load({ name: 'refused', ...tracing, expectedAttachType: 'trace_fentry', instructions }).close()
  } catch (error) {
    if (error instanceof NotSupportedError && error.code === 'EPERM') {
      return 'the kernel refuses trampolines to every process, as locked-down kernels do'
    }
  }
  return undefined
}

/** Offsets behind the trace site of a function's entry, where an instruction starts that every call reaches. */
const OFFSETS_BEHIND_ENTRY: Readonly<Partial<Record<string, readonly number[]>>> = {
  // endbr64 (4) where the kernel has IBT, then the call of ftrace (5).
  x64: [9, 5],
  // bti (4) where the kernel has it, then two instructions for ftrace (8).
  arm64: [12, 8],
}

/** Milliseconds between two looks at whether a kprobe is optimized. */
const OPTIMIZE_POLL = 50
/**
 * Milliseconds after which a kprobe stays as it is. The kernel waits a few jiffies, then until every task has left the
 * instructions that it replaces. Source: kernel/kprobes.c `kprobe_optimizer`.
 */
const OPTIMIZE_TIMEOUT = 3000
/** Milliseconds after which a kprobe whose state is hidden has most likely been optimized, if it ever is. */
const OPTIMIZE_UNSEEN = 500
/** Milliseconds after which an optimized kprobe that was removed has left nothing in the code. */
const UNOPTIMIZE_MILLISECONDS = 200
/** Whether the kernel optimizes kprobes; not there where it cannot. */
const OPTIMIZATION = '/proc/sys/debug/kprobes-optimization'

function kprobeAtEntry(program: Program): Attachment {
  return withMechanism(kprobe(program, TARGET_HELPER), undefined)
}

async function kprobeBehindEntry(program: Program): Promise<Attachment> {
  let failure: unknown = new BpfError(`It is not known where instructions start on ${process.arch}`, {
    code: 'ERR_NOT_SUPPORTED',
  })
  for (const offset of OFFSETS_BEHIND_ENTRY[process.arch] ?? []) {
    let link: Link
    try {
      link = kprobe(program, TARGET_HELPER, { offset })
    } catch (error) {
      failure = error
      continue
    }
    try {
      if (isOptimizing()) await untilOptimized(offset)
      if (mechanismAt(offset) !== 'ftrace') return withMechanism(link, offset)
      link.close()
    } catch (error) {
      link.close()
      throw error
    }
  }
  throw failure
}

async function untilOptimized(offset: number): Promise<void> {
  for (let waited = 0; waited < OPTIMIZE_TIMEOUT; waited += OPTIMIZE_POLL) {
    const mechanism = mechanismAt(offset)
    if (mechanism === undefined) return sleep(OPTIMIZE_UNSEEN)
    if (mechanism !== 'breakpoint') return
    await sleep(OPTIMIZE_POLL)
  }
}

function isOptimizing(): boolean {
  try {
    return readFileSync(OPTIMIZATION, 'latin1').trim() === '1'
  } catch {
    return false
  }
}

/** @param offset `undefined` for any: the kernel moves a probe of the entry behind `endbr64` */
function mechanismAt(offset: number | undefined): string | undefined {
  return listKprobes()?.find(
    each => each.symbol === TARGET_HELPER && (offset === undefined || each.offset === offset),
  )?.mechanism
}

function withMechanism(link: Link, offset: number | undefined): Attachment {
  const at = offset === undefined ? '' : `+${offset}, `
  return { link, note: `${at}${mechanismAt(offset) ?? 'mechanism unknown'}` }
}

/** The variants, in the order in which a round goes through them. */
export const variants: readonly Variant[] = [
  {
    name: 'fentry',
    summary: 'a trampoline at the entry',
    driver: 'helper',
    hitsPerCall: 1,
    needs: [trampolines],
    load: { ...tracing, expectedAttachType: 'trace_fentry' },
    attach: program => ({ link: fentry(program) }),
  },
  {
    name: 'fexit',
    summary: 'a trampoline that calls the function, at its return',
    driver: 'helper',
    hitsPerCall: 1,
    needs: [trampolines],
    load: { ...tracing, expectedAttachType: 'trace_fexit' },
    attach: program => ({ link: fexit(program) }),
  },
  {
    name: 'fmod_ret',
    summary: 'a trampoline before the function, which then runs since the program returns 0',
    driver: 'kfunc',
    hitsPerCall: 1,
    needs: [trampolines, kfunc],
    load: { type: 'tracing', attachTarget: TARGET_KFUNC, expectedAttachType: 'modify_return' },
    attach: program => ({ link: fmodRet(program) }),
  },
  {
    name: 'fsession',
    summary: 'a trampoline at the entry and the return',
    driver: 'helper',
    hitsPerCall: 2,
    needs: [trampolines, sessions],
    load: { ...tracing, expectedAttachType: 'trace_fsession' },
    attach: program => ({ link: fsession(program) }),
  },
  {
    name: 'kprobe',
    summary: 'a kprobe at the entry',
    driver: 'helper',
    hitsPerCall: 1,
    needs: [kprobes],
    load: { type: 'kprobe' },
    attach: kprobeAtEntry,
  },
  {
    name: 'kprobe+offset',
    summary: 'a kprobe behind the entry: optimized to a jump, or a breakpoint',
    driver: 'helper',
    hitsPerCall: 1,
    needs: [kprobes],
    load: { type: 'kprobe' },
    attach: kprobeBehindEntry,
    settle: UNOPTIMIZE_MILLISECONDS,
  },
  {
    name: 'kretprobe',
    summary: 'a kprobe that replaces the return address',
    driver: 'helper',
    hitsPerCall: 1,
    needs: [kprobes],
    load: { type: 'kprobe' },
    attach: program => ({ link: kretprobe(program, TARGET_HELPER) }),
  },
  {
    name: 'kprobe_multi',
    summary: 'an fprobe at the entry',
    driver: 'helper',
    hitsPerCall: 1,
    needs: [multi],
    load: { type: 'kprobe', expectedAttachType: 'trace_kprobe_multi' },
    attach: program => ({ link: kprobeMulti(program, { symbols: [TARGET_HELPER] }) }),
  },
  {
    name: 'kretprobe_multi',
    summary: 'an fprobe at the return',
    driver: 'helper',
    hitsPerCall: 1,
    needs: [multi],
    load: { type: 'kprobe', expectedAttachType: 'trace_kprobe_multi' },
    attach: program => ({ link: kprobeMulti(program, { symbols: [TARGET_HELPER], returns: true }) }),
  },
  {
    name: 'kprobe_session',
    summary: 'an fprobe at the entry and the return',
    driver: 'helper',
    hitsPerCall: 2,
    needs: [session],
    load: { type: 'kprobe', expectedAttachType: 'trace_kprobe_session' },
    attach: program => ({ link: kprobeSession(program, { symbols: [TARGET_HELPER] }) }),
  },
  {
    name: 'raw_tp',
    summary: 'a raw tracepoint',
    driver: 'kfunc',
    hitsPerCall: 1,
    needs: [kfunc],
    load: { type: 'raw_tracepoint' },
    attach: program => ({ link: rawTracepoint(program, TRACEPOINT) }),
  },
  {
    name: 'tp_btf',
    summary: 'a raw tracepoint with typed arguments',
    driver: 'kfunc',
    hitsPerCall: 1,
    needs: [kfunc],
    load: { type: 'tracing', attachTarget: TRACEPOINT, expectedAttachType: 'trace_raw_tp' },
    attach: program => ({ link: tpBtf(program) }),
  },
  {
    name: 'tracepoint',
    summary: 'a tracepoint through perf, which writes a record for the program first',
    driver: 'kfunc',
    hitsPerCall: 1,
    needs: [kfunc],
    load: { type: 'tracepoint' },
    attach: program => ({ link: tracepoint(program, TRACEPOINT_GROUP, TRACEPOINT) }),
  },
]
