/**
 * Attaching a program by the name of its section.
 *
 * Source: libbpf `bpf_program__attach` and the attach functions of its `section_defs`.
 *
 * @module
 */

import { BpfError } from '../errors.ts'
import { type Hook, type Program, parseSectionName } from '../programs/index.ts'
import { iter } from './iter.ts'
import type { Link } from './link.ts'
import { flowDissector, skLookup } from './network.ts'
import { rawTracepoint, tpBtf } from './raw-tracepoint.ts'
import { tracepoint } from './tracepoint.ts'
import { fentry, fexit, fmodRet, freplace, lsm } from './tracing.ts'

/** What came of it: a link, or why the name alone is not enough. */
export type Attached =
  | {
      readonly link: Link
      /** What it was attached to, in words: `'raw tracepoint sched_switch'`. */
      readonly target: string
    }
  | { readonly reason: BpfError }

/** Hooks that a section name alone cannot attach to, and what else must be said. */
const INCOMPLETE: Partial<Record<Hook, string>> = {
  cgroup: 'it needs a cgroup: use cgroup(program, attachType, path)',
  netfilter: 'it needs a protocol family, a hook and a priority: use netfilter(program, options)',
  perf_event: 'it needs a perf event',
  sk_reuseport: 'it needs a socket',
  sockmap: 'it needs a socket map',
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
 * @throws BpfError when attaching fails
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
  return attach(program, target)
}

function cannot(program: Program, reason: string, code = 'ERR_NO_TARGET'): BpfError {
  return new BpfError(`Cannot attach program ${program.name} by its section name: ${reason}`, { code })
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
  raw_tracepoint: (program, target) => ({
    link: rawTracepoint(program, target),
    target: `raw tracepoint ${target}`,
  }),
  sk_lookup: program => ({ link: skLookup(program), target: 'socket look-up of this network namespace' }),
  tp_btf: (program, target) => ({ link: tpBtf(program), target: `tracepoint ${target}, with BTF` }),
  tracepoint(program, target) {
    const slash = target.indexOf('/')
    if (slash <= 0 || slash === target.length - 1) {
      throw cannot(program, `${JSON.stringify(target)} is not CATEGORY/NAME`)
    }
    const [category, name] = [target.slice(0, slash), target.slice(slash + 1)]
    return { link: tracepoint(program, category, name), target: `tracepoint ${category}/${name}` }
  },
}
