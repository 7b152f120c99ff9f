/**
 * `BPF_PROG_LOAD`: from a spec to a file descriptor, with the verifier's log when it says no.
 *
 * Source: libbpf `bpf_object_load_prog`, `bpf_prog_load`; kernel/bpf/syscall.c `bpf_prog_load`.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import { attr, funcInfo, lineInfo } from '../abi/generated/layouts.ts'
import { encodeInstructions } from '../asm/encode.ts'
import { INSTRUCTION_SIZE, type Instruction } from '../asm/instruction.ts'
import { cString, hostByteOrder } from '../base/bytes.ts'
import { errnoName } from '../base/errno.ts'
import { BpfError, NotSupportedError } from '../base/errors.ts'
import { type CoreFailure, describePoison } from '../btf/core/relocate.ts'
import { failure } from '../kernel/failure.ts'
import { features } from '../kernel/features.ts'
import { raiseMemlockLimit } from '../kernel/memlock.ts'
import { isAtLeast, kernelVersion } from '../kernel/version.ts'
import { objectName } from '../objects/object-name.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { attrResult32, bpfUninterrupted, bpfUninterruptedAsync } from '../syscalls/bpf.ts'
import { allocate, type NativeMemory } from '../syscalls/memory.ts'
import {
  type AttachTarget,
  attachTypeOf,
  describe,
  needsAttachTarget,
  needsTrampoline,
  programTypeOf,
  resolveAttachTarget,
} from './attach-target.ts'
import { extInfo, type LoadedBtf } from './ext-info.ts'
import { describeMissingKfunc, type MissingKfunc } from './kfuncs.ts'
import { describeMissingMap, type MissingMap } from './missing-maps.ts'
import { type MapResolver, resolveReferences } from './references.ts'
import type { ProgramSpec } from './spec.ts'
import { VerifierError } from './verifier-error.ts'
import { formatSourceLine, sourceOfSlot, summarizeVerifierLog } from './verifier-log.ts'

/** The member of a struct of operations of the kernel that a `struct_ops` program stands for (5.6). */
export interface StructOpsMember {
  /** The struct, in the BTF of the kernel or of a module. */
  readonly typeId: number
  /** Which of its members, from 0. */
  readonly index: number
  /** Descriptor of the module's BTF (6.9); `undefined` for the kernel itself. */
  readonly moduleFd: number | undefined
}

/** How to load a program. */
export interface LoadOptions {
  /**
   * What the verifier logs of a successful load, as bits: 1 branches, 2 instructions, 4 statistics (5.2).
   * A refused load is always logged: at this level, else at level 1, else, when the program is too complex or that log
   * would exceed 16 MiB, its verdict alone. Default: 0.
   */
  logLevel?: number
  /** Bytes of the first log buffer; it grows as needed, up to 256 MiB. Default: 64 KiB. */
  logSize?: number
  /** Finds maps that the instructions name. */
  maps?: MapResolver
  /** The program's BTF as it was loaded into the kernel; gives it function and line information (5.0). */
  btf?: LoadedBtf
  /**
   * CO-RE relocations that were not satisfied, to name them if the verifier reaches one.
   *
   * @internal
   */
  poisoned?: readonly CoreFailure[]
  /**
   * Functions of the kernel that it calls and that are missing, to name them if the verifier reaches a call.
   *
   * @internal
   */
  missingKfuncs?: readonly MissingKfunc[]
  /**
   * Maps that it refers to and that are not created, to name them if the verifier reaches one.
   *
   * @internal
   */
  missingMaps?: readonly MissingMap[]
  /**
   * BTF descriptors of modules by the `offset` of calls of their functions (5.16); 0 where there is none.
   *
   * @internal
   */
  fdArray?: Int32Array
  /**
   * What a `struct_ops` program stands for.
   *
   * @internal
   */
  structOps?: StructOpsMember
}

/** A loaded program's descriptor, and the log when one was asked for. */
export interface LoadResult {
  fd: number
  verifierLog: string
}

const LOAD_SYSCALL = 'bpf(BPF_PROG_LOAD)'
const FIRST_LOG_SIZE = 64 << 10
/** Kernels before 6.4 refuse a smaller log. */
const LEAST_LOG_SIZE = 128
/** Each try runs the verifier again, so there should be few. */
const LOG_GROWTH = 8
/** Fits into a string, which 512 MiB do not; the kernel's own limit is 1 GiB (5.2). */
const LAST_LOG_SIZE = 256 << 20
/** The trace of a refused program beyond this is of no use to anybody, and takes minutes to write and read. */
const LAST_TRACE_SIZE = 16 << 20
/** Logs what the verifier thinks of each instruction, and its verdict. */
const LOG_TRACE = 1
/** Logs the verdict and statistics only (5.2). */
const LOG_VERDICT = 4

/** What one `BPF_PROG_LOAD` gave. */
interface Attempt {
  /** The new fd, or -errno. */
  result: number
  /** `log_true_size` (6.4); 0 when the kernel does not tell. */
  trueSize: number
}

/** The steps of a load: yields what to pass to `BPF_PROG_LOAD`, is given what came of it. */
type LoadSteps = Generator<AttrFields<'prog_load'>, LoadResult, Attempt>

/** Loads a program on this thread. */
export function loadProgram(spec: ProgramSpec, options: LoadOptions): LoadResult {
  const steps = loadSteps(spec, options)
  let step = steps.next()
  while (!step.done) {
    const result = bpfUninterrupted('prog_load', step.value)
    step = steps.next({ result, trueSize: attrResult32(attr.prog_load.log_true_size) })
  }
  return step.value
}

/** Loads a program on a worker thread: the verifier may take seconds. */
export async function loadProgramAsync(spec: ProgramSpec, options: LoadOptions): Promise<LoadResult> {
  const steps = loadSteps(spec, options)
  try {
    let step = steps.next()
    while (!step.done) {
      const { result, attr: written } = await bpfUninterruptedAsync('prog_load', step.value)
      step = steps.next({ result, trueSize: written.getUint32(attr.prog_load.log_true_size, true) })
    }
    return step.value
  } finally {
    // Disposes of the attach target when a step throws before its turn.
    steps.return({ fd: -1, verifierLog: '' })
  }
}

function* loadSteps(spec: ProgramSpec, options: LoadOptions): LoadSteps {
  checkLoadable(spec)
  const instructions = resolveReferences(
    spec.instructions,
    options.maps ?? (() => undefined),
    `Cannot load program ${describe(spec)}`,
  )
  raiseMemlockLimit()
  using target = needsAttachTarget(spec) ? resolveAttachTarget(spec) : undefined
  const fields = loadFields(spec, instructions, options, target)

  let logLevel = options.logLevel ?? 0
  let logSize = firstLogSize(options)
  let log: NativeMemory | undefined
  for (;;) {
    log = logLevel === 0 ? undefined : allocate(logSize)
    const { result, trueSize }: Attempt = yield log === undefined
      ? fields
      : { ...fields, log_level: logLevel, log_size: logSize, log_buf: log.bytes }
    if (result >= 0) return { fd: result, verifierLog: log === undefined ? '' : cString(log.bytes) }

    const code = errnoName(-result)
    if (log === undefined && isVerdict(code)) {
      logLevel = code === 'E2BIG' && logsVerdictAlone() ? LOG_VERDICT : LOG_TRACE
    } else if (log !== undefined && code === 'ENOSPC' && logSize < LAST_LOG_SIZE) {
      const wanted = trueSize > logSize ? trueSize : logSize * LOG_GROWTH
      if (logLevel === options.logLevel || wanted <= LAST_TRACE_SIZE) {
        logSize = Math.min(wanted, LAST_LOG_SIZE)
      } else if (logLevel === LOG_TRACE && logsVerdictAlone()) {
        logLevel = LOG_VERDICT
        logSize = FIRST_LOG_SIZE
      } else {
        throw loadError(spec, instructions, result, cString(log.bytes), options)
      }
    } else {
      throw loadError(spec, instructions, result, log === undefined ? '' : cString(log.bytes), options)
    }
  }
}

function firstLogSize({ logSize = FIRST_LOG_SIZE }: LoadOptions): number {
  if (!(Number.isInteger(logSize) && logSize > 0 && logSize <= LAST_LOG_SIZE)) {
    throw new RangeError(`Cannot load a program: logSize ${logSize} is not from 1 to ${LAST_LOG_SIZE}`)
  }
  return Math.max(logSize, LEAST_LOG_SIZE)
}

/** Older kernels take every level above 1 for a longer trace. */
function logsVerdictAlone(): boolean {
  return isAtLeast(featureSince.verifierStatistics)
}

/** Whether the verifier may have a word to say (`E2BIG`: too complex); a repeated load cannot mend the others. */
function isVerdict(code: string): boolean {
  return !['EAGAIN', 'EINTR', 'ENOMEM', 'EMFILE', 'ENFILE'].includes(code)
}

function checkLoadable(spec: ProgramSpec): void {
  const fail = (reason: string): never => {
    throw new BpfError(`Cannot load program ${describe(spec)}: ${reason}`, { code: 'ERR_INVALID_SPEC' })
  }
  if (programTypeOf(spec) === 0) fail('its section name gives no program type; set type')
  if (spec.instructions.length === 0) fail('it has no instructions')
  if (spec.byteOrder !== undefined && spec.byteOrder !== hostByteOrder) {
    fail(`it was compiled for ${spec.byteOrder}-endian machines, this one is ${hostByteOrder}-endian`)
  }
}

function loadFields(
  spec: ProgramSpec,
  instructions: readonly Instruction[],
  { btf, fdArray, structOps }: LoadOptions,
  target: AttachTarget | undefined,
): AttrFields<'prog_load'> {
  const insns = encodeInstructions(instructions)
  const fields: AttrFields<'prog_load'> = {
    prog_type: programTypeOf(spec),
    insn_cnt: insns.length / INSTRUCTION_SIZE,
    insns,
    license: spec.license ?? '',
    kern_version: spec.kernelVersion ?? kernelVersion().code,
    prog_flags: spec.flags ?? 0,
    prog_name: objectName(spec.name ?? ''),
    prog_ifindex: spec.ifindex ?? 0,
    expected_attach_type: attachTypeOf(spec),
  }
  if (btf !== undefined) {
    const { functions, lines } = extInfo(instructions, btf)
    fields.prog_btf_fd = btf.fd
    if (functions.length > 0) {
      fields.func_info_rec_size = funcInfo.$size
      fields.func_info = functions
      fields.func_info_cnt = functions.length / funcInfo.$size
    }
    if (lines.length > 0) {
      fields.line_info_rec_size = lineInfo.$size
      fields.line_info = lines
      fields.line_info_cnt = lines.length / lineInfo.$size
    }
  }
  if (fdArray !== undefined) fields.fd_array = fdArray
  if (structOps !== undefined) {
    fields.attach_btf_id = structOps.typeId
    fields.expected_attach_type = structOps.index
    if (structOps.moduleFd !== undefined) fields.attach_btf_obj_fd = structOps.moduleFd
  }
  if (target !== undefined) {
    fields.attach_btf_id = target.btfId
    if (target.programFd !== undefined) fields.attach_prog_fd = target.programFd
    else if (target.moduleFd !== undefined) fields.attach_btf_obj_fd = target.moduleFd
  }
  return fields
}

/** The error of a refused load: a `VerifierError` when the verifier said why. */
function loadError(
  spec: ProgramSpec,
  instructions: readonly Instruction[],
  result: number,
  log: string,
  { poisoned = [], missingKfuncs = [], missingMaps = [] }: LoadOptions,
): BpfError {
  const what = `Cannot load program ${describe(spec)}`
  const base = failure(what, result, LOAD_SYSCALL)
  if (log.trim() === '')
    return needsRefusedTrampoline(spec, base) ? refusedTrampoline(spec, result, base) : base

  const { reason, slot, instruction } = summarizeVerifierLog(log)
  const source = slot === undefined ? undefined : sourceOfSlot(instructions, slot)
  const poison =
    describePoison(log, poisoned) ??
    describeMissingKfunc(log, missingKfuncs) ??
    describeMissingMap(log, missingMaps)
  const lines = [`${what}: ${errnoName(-result)}: ${poison ?? reason.join('; ')}`]
  if (source !== undefined) lines.push(`    at ${formatSourceLine(source)}`)
  if (instruction !== undefined) lines.push(`    instruction ${slot}: ${instruction}`)
  return new VerifierError(
    lines.join('\n'),
    { log, reason, slot, source },
    { code: base.code, errno: -result, syscall: LOAD_SYSCALL, cause: base },
  )
}

/**
 * Whether a program was refused because the kernel has no trampolines: an architecture without them says `ENOTSUPP`, a
 * locked-down kernel `EPERM`, and both say so before the verifier writes a log.
 */
function needsRefusedTrampoline(spec: ProgramSpec, { code }: BpfError): boolean {
  if (code !== 'EPERM' && code !== 'ENOTSUPP') return false
  return needsTrampoline(spec) && features.trampoline.probe() === 'no'
}

function refusedTrampoline(spec: ProgramSpec, result: number, cause: BpfError): BpfError {
  const hint =
    cause.code === 'EPERM'
      ? 'it refuses trampolines (fentry, fexit, fmod_ret, lsm, freplace) to everybody, as locked-down kernels do'
      : 'it has no trampolines on this architecture'
  return new NotSupportedError(`Loading program ${describe(spec)}`, undefined, {
    code: cause.code,
    errno: -result,
    syscall: LOAD_SYSCALL,
    cause,
    hint,
  })
}
