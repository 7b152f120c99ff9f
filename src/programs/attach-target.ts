/**
 * Which BTF type a program is attached to: functions, LSM hooks, raw tracepoints and iterators are named
 * by BTF id when the program is loaded.
 *
 * Source: libbpf `libbpf_find_attach_btf_id`, kernel/bpf/verifier.c `bpf_check_attach_target`.
 *
 * @module
 */

import { type AttachType, attachTypes, programTypes } from '../abi/generated/enums.ts'
import { enumName, enumNumber } from '../abi/names.ts'
import { BpfError, unlessRefused } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { similarName } from '../btf/similar.ts'
import type { BtfKind } from '../btf/types.ts'
import { kernelBtf } from '../kernel/btf.ts'
import { kernelConfig } from '../kernel/kconfig.ts'
import { features } from '../kernel/probes/features.ts'
import type { TokenHandle } from '../kernel/tokens/handle.ts'
import { BtfObject } from '../objects/btf-object.ts'
import { explainFunction, unreadableSymbols } from '../symbols/explain-function.ts'
import { KernelSymbols, splitModule } from '../symbols/kallsyms.ts'
import { describeProgram, type ProgramSpec } from './spec.ts'

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

/** Number of the expected attach type; 0 without one. */
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
 * @param token to open the BTF of a target program with, where the kernel lets it
 * @throws BpfError when the kernel has no such function, hook or tracepoint, or it exists twice
 */
export function resolveAttachTarget(spec: ProgramSpec, token: TokenHandle | undefined): AttachTarget {
  const name = spec.attachTarget ?? ''
  if (name === '' && !isMulti(spec)) {
    throw new BpfError(
      `Cannot load program ${describeProgram(spec)}: it has no attach target; set attachTarget`,
      {
        code: 'ERR_NO_TARGET',
      },
    )
  }
  requireTargetKind(spec)
  if (isMulti(spec)) return multiTarget(spec, name)
  if (spec.attachProgram !== undefined) {
    return targetInProgram(spec, name, spec.attachProgram.fd, token)
  }

  const { prefix, kind } = naming(spec)
  const [moduleName, symbol] = splitModule(name)
  const wanted = prefix + symbol
  if (moduleName === undefined || moduleName === 'vmlinux') {
    const btfId = findUnique(kernelBtf(), wanted, kind, 'vmlinux')
    if (btfId !== undefined) return target(btfId)
  }
  if (moduleName !== 'vmlinux') {
    for (const module of modulesWithBtf()) {
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
  throw notFound(spec, wanted, kind, moduleName)
}

/** Kernels before 5.11 tell no names of BTF objects, and have none of modules. */
function modulesWithBtf(): Iterable<BtfObject> {
  return features.moduleBtf.probe() === 'no' ? [] : BtfObject.modules()
}

const MULTI_TYPES: readonly number[] = [
  attachTypes.trace_fentry_multi,
  attachTypes.trace_fexit_multi,
  attachTypes.trace_fsession_multi,
]

/** Whether a program is attached to many functions, which its link names. Since Linux 7.2. */
export function isMulti(spec: ProgramSpec): boolean {
  return programTypeOf(spec) === programTypes.tracing && MULTI_TYPES.includes(attachTypeOf(spec))
}

/** No function; of `MODULE:PATTERN` the module, whose functions they are. Source: libbpf 1.8 `libbpf_prepare_prog_load`. */
function multiTarget(spec: ProgramSpec, pattern: string): AttachTarget {
  if (spec.attachProgram !== undefined) {
    throw new BpfError(
      `Cannot load program ${describeProgram(spec)}: programs for many functions run at those of the kernel, not of another program`,
      { code: 'ERR_INVALID_SPEC' },
    )
  }
  const [moduleName] = splitModule(pattern)
  if (moduleName === undefined || moduleName === 'vmlinux') return target(0)
  for (const module of modulesWithBtf()) {
    if (module.name === moduleName) return target(0, module)
    module.close()
  }
  throw new BpfError(
    `Cannot load program ${describeProgram(spec)}: module ${moduleName} is not loaded, or has no BTF`,
    { code: 'ENOENT' },
  )
}

/** Attach types that a program type with a target can have. */
const ATTACH_TYPES: Partial<Record<number, readonly AttachType[]>> = {
  [programTypes.tracing]: [
    'trace_fentry',
    'trace_fexit',
    'modify_return',
    'trace_fsession',
    'trace_fentry_multi',
    'trace_fexit_multi',
    'trace_fsession_multi',
    'trace_raw_tp',
    'trace_iter',
  ],
  [programTypes.lsm]: ['lsm_mac', 'lsm_cgroup'],
}

/** The kernel returns only EINVAL for a program whose attach type was forgotten, and says nothing of a replaced kernel function. */
function requireTargetKind(spec: ProgramSpec): void {
  const fail = (reason: string): never => {
    throw new BpfError(`Cannot load program ${describeProgram(spec)}: ${reason}`, {
      code: 'ERR_INVALID_SPEC',
    })
  }
  const type = programTypeOf(spec)
  const allowed = ATTACH_TYPES[type]
  // A number stands for what the tables do not know yet.
  const attachType = enumName(attachTypes, attachTypeOf(spec))
  if (allowed !== undefined && typeof attachType === 'string' && !allowed.includes(attachType)) {
    const given = spec.expectedAttachType === undefined ? 'it has none' : `not ${attachType}`
    fail(`set expectedAttachType to one of ${allowed.join(', ')}; ${given}`)
  }
  if (type === programTypes.ext && spec.attachProgram === undefined) {
    fail('it replaces a function of another program; set attachProgram')
  }
}

function target(btfId: number, module?: BtfObject): AttachTarget {
  return {
    btfId,
    moduleFd: module?.fd,
    programFd: undefined,
    [Symbol.dispose]: () => module?.close(),
  }
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

function targetInProgram(
  spec: ProgramSpec,
  name: string,
  programFd: number,
  token: TokenHandle | undefined,
): AttachTarget {
  using btf = BtfObject.ofProgram(programFd, { token: token ?? false })
  const btfId = btf.types().find(name, 'func')
  if (btfId === undefined) {
    const similar = similarName(btf.types(), name, 'func')
    const like = similar === undefined ? '' : `; did you mean ${similar}?`
    throw new BpfError(
      `Cannot load program ${describeProgram(spec)}: the target program has no function ${name}${like}`,
      { code: 'ENOENT' },
    )
  }
  return { btfId, moduleFd: undefined, programFd, [Symbol.dispose]: () => {} }
}

function notFound(spec: ProgramSpec, wanted: string, kind: BtfKind, module: string | undefined): BpfError {
  const where = module === undefined ? "the kernel's BTF" : `the BTF of ${module}`
  const lacked = `${where} has no ${kind} ${wanted}`
  const why = kind === 'typedef' ? `the kernel has no tracepoint ${spec.attachTarget}: ${lacked}` : lacked
  const isFunction = kind === 'func' && attachTypeOf(spec) !== attachTypes.trace_iter
  const reason = isFunction ? explainMissing(spec, wanted, module) : similarTarget(spec)
  return new BpfError(`Cannot load program ${describeProgram(spec)}: ${why}${reason}`, { code: 'ENOENT' })
}

/** A hook of this kind whose name is like that of the target: `'; did you mean sched_switch?'`, or nothing. */
function similarTarget(spec: ProgramSpec): string {
  const { prefix, kind } = naming(spec)
  const [, symbol] = splitModule(spec.attachTarget ?? '')
  const similar = similarName(kernelBtf(), symbol, kind, prefix)
  return similar === undefined ? '' : `; did you mean ${similar}?`
}

/** Why BTF does not have a function, as the end of a message. */
function explainMissing(spec: ProgramSpec, wanted: string, module: string | undefined): string {
  if (wanted.startsWith('bpf_lsm_')) {
    if (hasLsmHooks()) return `: the kernel has no such LSM hook${similarTarget(spec)}`
    const option = unlessRefused(() => kernelConfig())
    return option !== undefined && option.get('CONFIG_BPF_LSM') !== 'y'
      ? ', nor any other LSM hook: it was built without CONFIG_BPF_LSM'
      : ', nor any other LSM hook, which CONFIG_BPF_LSM gives it'
  }
  const name = spec.attachTarget ?? wanted
  return `: ${
    missingModule(module) ??
    explainFunction(name, 'fentry') ??
    missingModule(moduleOf(name)) ??
    unreadableSymbols() ??
    'the kernel has a symbol of that name, but no type of it, as of functions in assembly, of those whose arguments the compiler changed, and of names that several source files use'
  }`
}

/** Whether the kernel's BTF has the function of any LSM hook. */
function hasLsmHooks(): boolean {
  const btf = kernelBtf()
  let found = false
  btf.forEachId(id => {
    found ||= btf.kind(id) === 'func' && btf.name(id).startsWith('bpf_lsm_')
  })
  return found
}

/** Why the types of a module's functions are not to be had; `undefined` when they are, or without a module. */
function missingModule(module: string | undefined): string | undefined {
  if (module === undefined || module === 'vmlinux') return undefined
  if (features.moduleBtf.probe() === 'no') return `BTF of modules, such as ${module}, needs Linux 5.11`
  return moduleHasBtf(module) ? undefined : `module ${module} is not loaded, or has no BTF`
}

/** The module that has a function; `undefined` when the kernel itself or nothing has it. */
function moduleOf(name: string): string | undefined {
  const symbols = unlessRefused(() => KernelSymbols.read())
  return symbols?.find(name).find(({ module }) => module !== undefined)?.module
}

function moduleHasBtf(name: string): boolean {
  for (const module of BtfObject.modules()) {
    using each = module
    if (each.name === name) return true
  }
  return false
}
