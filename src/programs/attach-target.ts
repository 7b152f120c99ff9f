/**
 * Which BTF type a program is attached to: functions, LSM hooks, raw tracepoints and iterators are named
 * by BTF id when the program is loaded.
 *
 * Source: libbpf `libbpf_find_attach_btf_id`, kernel/bpf/verifier.c `bpf_check_attach_target`.
 *
 * @module
 */

import { attachTypes, enumNumber, programTypes } from '../abi/index.ts'
import type { Btf } from '../btf/btf.ts'
import type { BtfKind } from '../btf/types.ts'
import { BpfError, NotSupportedError } from '../errors.ts'
import { BtfObject } from '../kernel/btf-object.ts'
import { kernelBtf } from '../kernel/index.ts'
import type { ProgramSpec } from './spec.ts'

/** What `BPF_PROG_LOAD` needs to know of the target. */
export interface AttachTarget extends Disposable {
  /** `attach_btf_id`: id of the function (or typedef) in its BTF. */
  readonly btfId: number
  /** `attach_btf_obj_fd`: fd of the module's BTF; `undefined` for vmlinux. */
  readonly moduleFd: number | undefined
  /** `attach_prog_fd`: fd of the program that is attached to; `undefined` for kernel functions. */
  readonly programFd: number | undefined
}

/** How the kernel names the type that stands for a hook: a prefix before the target's name, and its kind. */
function naming(spec: ProgramSpec): { prefix: string; kind: BtfKind } {
  switch (attachTypeOf(spec)) {
    case attachTypes.trace_raw_tp:
      return { prefix: 'btf_trace_', kind: 'typedef' }
    case attachTypes.lsm_mac:
    case attachTypes.lsm_cgroup:
      return { prefix: 'bpf_lsm_', kind: 'func' }
    case attachTypes.trace_iter:
      return { prefix: 'bpf_iter_', kind: 'func' }
    default:
      return { prefix: '', kind: 'func' }
  }
}

/** Number of the expected attach type; 0 when there is none. */
export function attachTypeOf(spec: ProgramSpec): number {
  return enumNumber(attachTypes, spec.expectedAttachType ?? 0, 'attach type')
}

/** Number of the program type. */
export function programTypeOf(spec: ProgramSpec): number {
  return enumNumber(programTypes, spec.type, 'program type')
}

/** Whether programs of this type are attached to a BTF type that must be known when they are loaded. */
export function needsAttachTarget(spec: ProgramSpec): boolean {
  switch (programTypeOf(spec)) {
    case programTypes.tracing:
    case programTypes.lsm:
    case programTypes.ext:
      return true
    default:
      return false
  }
}

/** Whether a program is reached through a trampoline: the kernel patches a call to it into a function. */
export function needsTrampoline(spec: ProgramSpec): boolean {
  switch (programTypeOf(spec)) {
    case programTypes.tracing:
      return attachTypeOf(spec) !== attachTypes.trace_raw_tp && attachTypeOf(spec) !== attachTypes.trace_iter
    case programTypes.lsm:
    case programTypes.ext:
      return true
    default:
      return false
  }
}

/**
 * Resolves the attach target of a program. The caller disposes of the result once the program is loaded.
 *
 * @throws BpfError when the kernel has no such function, hook or tracepoint, or it exists twice
 */
export function resolveAttachTarget(spec: ProgramSpec): AttachTarget {
  const name = spec.attachTarget
  if (name === undefined || name === '') {
    throw new BpfError(`Cannot load program ${describe(spec)}: it has no attach target; set attachTarget`, {
      code: 'ERR_NO_TARGET',
    })
  }
  if (spec.attachProgram !== undefined) return targetInProgram(spec, name, spec.attachProgram.fd)

  const { prefix, kind } = naming(spec)
  const [moduleName, symbol] = splitModule(name)
  const wanted = prefix + symbol
  if (moduleName === undefined || moduleName === 'vmlinux') {
    const btfId = findUnique(kernelBtf(), wanted, kind, 'vmlinux')
    if (btfId !== undefined) return target(btfId)
  }
  if (moduleName !== 'vmlinux') {
    for (const module of BtfObject.modules()) {
      let found: AttachTarget | undefined
      try {
        if (moduleName === undefined || module.name === moduleName) {
          const btfId = findUnique(module.types(), wanted, kind, module.name)
          if (btfId !== undefined) found = target(btfId, module)
        }
      } finally {
        if (found === undefined) module.close()
      }
      if (found !== undefined) return found
    }
  }
  throw notFound(spec, wanted, kind)
}

function target(btfId: number, module?: BtfObject): AttachTarget {
  return {
    btfId,
    moduleFd: module?.fd,
    programFd: undefined,
    [Symbol.dispose]: () => module?.close(),
  }
}

/** `module:function` names the module; libbpf accepts the same. */
function splitModule(name: string): [module: string | undefined, symbol: string] {
  const colon = name.indexOf(':')
  return colon === -1 ? [undefined, name] : [name.slice(0, colon), name.slice(colon + 1)]
}

/** Only types of the BTF itself, not of its base: a module must not answer for vmlinux. */
function findUnique(btf: Btf, name: string, kind: BtfKind, where: string): number | undefined {
  const ids = btf.findAll(name, kind).filter(id => id >= btf.firstId)
  if (ids.length > 1 && kind === 'func') {
    throw new BpfError(`Cannot attach to ${name}: ${where} has ${ids.length} functions of that name`, {
      code: 'ERR_AMBIGUOUS',
    })
  }
  return ids[0]
}

function targetInProgram(spec: ProgramSpec, name: string, programFd: number): AttachTarget {
  using btf = BtfObject.ofProgram(programFd)
  const btfId = btf.types().find(name, 'func')
  if (btfId === undefined) {
    throw new BpfError(`Cannot load program ${describe(spec)}: the target program has no function ${name}`, {
      code: 'ENOENT',
    })
  }
  return { btfId, moduleFd: undefined, programFd, [Symbol.dispose]: () => {} }
}

function notFound(spec: ProgramSpec, wanted: string, kind: BtfKind): BpfError {
  const what = kind === 'typedef' ? `tracepoint ${spec.attachTarget}` : `function ${wanted}`
  const why = `the kernel's BTF has no ${kind} ${wanted}`
  if (kind !== 'func' || attachTypeOf(spec) === attachTypes.trace_iter) {
    return new NotSupportedError(`${describe(spec)}: ${what}`, undefined, { hint: why, code: 'ENOENT' })
  }
  return new BpfError(
    `Cannot load program ${describe(spec)}: ${why}; it may be inlined, static in several files, or in a module that is not loaded`,
    { code: 'ENOENT' },
  )
}

/** A program as error messages name it. */
export function describe(spec: ProgramSpec): string {
  const section = spec.sectionName === undefined ? '' : ` (${spec.sectionName})`
  return `${spec.name ?? 'without a name'}${section}`
}
