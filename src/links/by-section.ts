/**
 * Attaching a program by the name of its section.
 *
 * Source: libbpf `bpf_program__attach` and the attach functions of its `section_defs`.
 *
 * @module
 */

import type { BpfErrorCode } from '../base/error-codes.ts'
import { BpfError } from '../base/errors.ts'
import type { Program } from '../programs/program.ts'
import { type Hook, parseSectionName } from '../programs/sections.ts'
import { iter } from './hooks/iter/iter.ts'
import { kprobe, kretprobe } from './hooks/kernel-probes/kprobe.ts'
import { kprobeMulti, kprobeSession } from './hooks/kernel-probes/kprobe-multi.ts'
import { kretsyscall, ksyscall } from './hooks/kernel-probes/ksyscall.ts'
import { rawTracepoint, tpBtf } from './hooks/kernel-probes/raw-tracepoint.ts'
import { tracepoint } from './hooks/kernel-probes/tracepoint.ts'
import { flowDissector } from './hooks/network/flow-dissector.ts'
import { skLookup } from './hooks/network/sk-lookup.ts'
import { fentry } from './hooks/tracing/fentry.ts'
import { fexit } from './hooks/tracing/fexit.ts'
import { fmodRet } from './hooks/tracing/fmod-ret.ts'
import { freplace } from './hooks/tracing/freplace.ts'
import { fsession } from './hooks/tracing/fsession.ts'
import { lsm } from './hooks/tracing/lsm.ts'
import { uprobe, uretprobe } from './hooks/user-probes/uprobe.ts'
import { uprobeMulti, uprobeSession } from './hooks/user-probes/uprobe-multi.ts'
import type { Link } from './link.ts'

/** The result: a link, or why the name alone is not enough. */
export type Attached =
  | {
      readonly link: Link
      /** What it was attached to, in words: `'raw tracepoint sched_switch'`. */
      readonly target: string
    }
  | { readonly reason: BpfError }

/** Hooks that a section name alone cannot attach to, and what else must be said. */
const INCOMPLETE: Partial<Record<Hook, string>> = {
  cgroup: 'it needs a cgroup: use cgroup(program, path, attachType)',
  netfilter: 'it needs a protocol family, a hook and a priority: use netfilter(program, options)',
  perf_event: 'it needs a perf event',
  sk_reuseport: 'it needs a socket',
  sockmap: 'it needs a socket map',
  struct_ops: 'it is attached with the map that names it: use collection.attachStructOps(map)',
  socket_filter: 'it needs a socket',
  syscall: 'it is run, not attached: use program.testRun()',
  tcx: 'it needs a network device: use tcx(program, device, direction)',
  xdp: 'it needs a network device: use xdp(program, device)',
  xdp_map: 'it is put into a map of devices or CPUs',
}

/**
 * Attaches a program to the hook and target of its section name.
 *
 * @returns `reason` for a hook that needs more than a name, or one that this version cannot attach to yet; never
 *   nothing
 * @throws BpfError when attaching fails; with code `ERR_INVALID_SPEC` when the hook takes no such target
 */
export function attachBySection(program: Program): Attached {
  const sectionName = program.spec?.sectionName
  if (sectionName === undefined) return { reason: cannot(program, 'it has no section name') }
  const { definition, target: named } = parseSectionName(sectionName)
  if (definition === undefined) {
    return { reason: cannot(program, `the section name ${JSON.stringify(sectionName)} names no hook`) }
  }
  const { hook } = definition
  const incomplete = INCOMPLETE[hook]
  if (incomplete !== undefined) return { reason: cannot(program, incomplete) }
  const attach = attachFunctions[hook]
  if (attach === undefined) {
    const reason = `this version of the library has no attach function for ${definition.name}`
    return { reason: cannot(program, reason, 'ERR_NOT_IMPLEMENTED') }
  }
  // The spec's target wins: the caller may have changed it since the object was parsed.
  const target = program.spec?.attachTarget ?? named
  if (target === '' && definition.takesTarget) {
    return { reason: cannot(program, `the section name ${JSON.stringify(sectionName)} names no target`) }
  }
  try {
    return attach(program, target)
  } catch (error) {
    // What is a wrong argument by hand comes from the object here.
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    throw cannot(program, error.message, 'ERR_INVALID_SPEC', error)
  }
}

function cannot(
  program: Program,
  reason: string,
  code: BpfErrorCode = 'ERR_NO_TARGET',
  cause?: Error,
): BpfError {
  const message = `Cannot attach program ${program.name} by its section name: ${reason}`
  return new BpfError(message, cause === undefined ? { code } : { code, cause })
}

type AttachFunction = (program: Program, target: string) => Attached

const attachFunctions: Partial<Record<Hook, AttachFunction>> = {
  fentry: (program, target) => ({ link: fentry(program), target: `entry of ${target}` }),
  fexit: (program, target) => ({ link: fexit(program), target: `return of ${target}` }),
  flow_dissector: program => ({
    link: flowDissector(program),
    target: 'flow dissector of this network namespace',
  }),
  fmod_ret: (program, target) => ({ link: fmodRet(program), target: `return value of ${target}` }),
  freplace: (program, target) => ({ link: freplace(program), target: `function ${target}` }),
  iter: (program, target) => ({ link: iter(program), target: `iterator ${target}` }),
  lsm: (program, target) => ({ link: lsm(program), target: `LSM hook ${target}` }),
  fsession: (program, target) => ({ link: fsession(program), target: `entry and return of ${target}` }),
  kprobe(program, target) {
    const { name, offset } = splitOffset(program, target)
    return { link: kprobe(program, name, { offset }), target: `kprobe ${target}` }
  },
  kretprobe: (program, target) => ({ link: kretprobe(program, target), target: `kretprobe ${target}` }),
  kprobe_multi: (program, pattern) => multi(kprobeMulti(program, { pattern }), 'kprobes', pattern),
  kretprobe_multi: (program, pattern) =>
    multi(kprobeMulti(program, { pattern, returns: true }), 'kretprobes', pattern),
  kprobe_session: (program, pattern) =>
    multi(kprobeSession(program, { pattern }), 'kprobe sessions', pattern),
  ksyscall: (program, target) => ({ link: ksyscall(program, target), target: `system call ${target}` }),
  kretsyscall: (program, target) => ({
    link: kretsyscall(program, target),
    target: `return of system call ${target}`,
  }),
  uprobe: (program, target) => userProbe(program, target, uprobe),
  uretprobe: (program, target) => userProbe(program, target, uretprobe),
  uprobe_multi: (program, target) => userProbes(program, target, uprobeMulti),
  uretprobe_multi: (program, target) =>
    userProbes(program, target, (handle, path, options) =>
      uprobeMulti(handle, path, { ...options, returns: true }),
    ),
  uprobe_session: (program, target) => userProbes(program, target, uprobeSession),
  raw_tracepoint: (program, target) => ({
    link: rawTracepoint(program, target),
    target: `raw tracepoint ${target}`,
  }),
  sk_lookup: program => ({ link: skLookup(program), target: 'socket look-up of this network namespace' }),
  tp_btf: (program, target) => ({ link: tpBtf(program), target: `tracepoint ${target}, with BTF` }),
  tracepoint(program, target) {
    const [, category, name] = /^([\w-]+)\/([\w-]+)$/.exec(target) ?? []
    if (category === undefined || name === undefined) {
      throw cannot(program, `${JSON.stringify(target)} is not CATEGORY/NAME`)
    }
    return { link: tracepoint(program, category, name), target: `tracepoint ${category}/${name}` }
  },
}

/** `'function+8'` and `'function+0x8'`. */
function splitOffset(program: Program, text: string): { name: string; offset: number } {
  const plus = text.indexOf('+')
  if (plus === -1) return { name: text, offset: 0 }
  const offset = text.slice(plus + 1)
  if (!/^(?:\d+|0x[0-9a-f]+)$/i.test(offset)) throw cannot(program, `${JSON.stringify(offset)} is no offset`)
  return { name: text.slice(0, plus), offset: Number(offset) }
}

function multi(link: Link & { readonly count: number }, what: string, pattern: string): Attached {
  return { link, target: `${link.count} ${what} ${pattern}` }
}

/** `'PATH:REST'`; the path itself may contain colons. */
function splitPath(program: Program, text: string, rest: string): [path: string, rest: string] {
  const colon = text.lastIndexOf(':')
  if (colon <= 0 || colon === text.length - 1)
    throw cannot(program, `${JSON.stringify(text)} is not PATH:${rest}`)
  return [text.slice(0, colon), text.slice(colon + 1)]
}

function userProbe(program: Program, target: string, attach: typeof uprobe): Attached {
  const [path, place] = splitPath(program, target, 'FUNCTION')
  const { name, offset } = splitOffset(program, place)
  const address = /^(?:\d+|0x[0-9a-f]+)$/i.test(name)
  const options = address ? { offset: Number(name) + offset } : { symbol: name, offset }
  return { link: attach(program, path, options), target: `${target} in user space` }
}

function userProbes(
  program: Program,
  target: string,
  attach: (program: Program, path: string, options: { pattern: string }) => Link & { readonly count: number },
): Attached {
  const [path, pattern] = splitPath(program, target, 'PATTERN')
  return multi(attach(program, path, { pattern }), `uprobes of ${path}:`, pattern)
}
