/**
 * `BPF_PROG_LOAD`: from a prepared program to a file descriptor, with the verifier's log when it says no.
 *
 * Source: libbpf `bpf_object_load_prog`, `bpf_prog_load`; kernel/bpf/syscall.c `bpf_prog_load`.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import { attr } from '../abi/generated/layouts.ts'
import { cString } from '../base/bytes.ts'
import { errnoName } from '../base/errno.ts'
import type { BpfError } from '../base/errors.ts'
import { raiseMemlockLimit } from '../kernel/memlock.ts'
import { resolveToken } from '../kernel/tokens/automatic.ts'
import { withToken } from '../kernel/tokens/handle.ts'
import { isAtLeast } from '../kernel/version.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { attrResult32, bpfUninterrupted, bpfUninterruptedAsync } from '../syscalls/bpf.ts'
import { allocate, type NativeMemory } from '../syscalls/memory.ts'
import { needsAttachTarget, resolveAttachTarget } from './attach-target.ts'
import { HeldLoad } from './held-load.ts'
import { loadError } from './load-error.ts'
import { loadFields } from './load-fields.ts'
import type { LoadOptions } from './load-options.ts'
import { LoadedJumpTables } from './passes/loaded-jump-tables.ts'
import { finishProgram, type PreparedProgram } from './prepare.ts'

/** A loaded program's descriptor, and the log when one was asked for. */
export interface LoadResult {
  fd: number
  verifierLog: string
}

const FIRST_LOG_SIZE = 64 << 10
/** Kernels before 6.4 refuse a smaller log. */
const LEAST_LOG_SIZE = 128
/** Each try runs the verifier again, so there should be few. */
const LOG_GROWTH = 8
/** Fits into a string, which 512 MiB do not; the kernel's own limit is 1 GiB (Linux 5.2). */
const LAST_LOG_SIZE = 256 << 20
/** The trace of a refused program beyond this is of no use, and takes minutes to write and read. */
const LAST_TRACE_SIZE = 16 << 20
/** Logs what the verifier thinks of each instruction, and its verdict. */
const LOG_TRACE = 1
/** Logs the verdict and statistics only (Linux 5.2). */
const LOG_VERDICT = 4

/** What one `BPF_PROG_LOAD` gave. */
interface Attempt {
  /** The new fd, or -errno. */
  result: number
  /** `log_true_size` (Linux 6.4); 0 when the kernel does not report it. */
  trueSize: number
}

/** The steps of a load: yields what to pass to `BPF_PROG_LOAD`, is given the result. */
type LoadSteps = Generator<AttrFields<'prog_load'>, LoadResult, Attempt>

/** Loads a program on this thread, with options of the caller, whose code may run in between. */
export function loadProgramHeld(program: PreparedProgram, options: LoadOptions): LoadResult {
  using held = new HeldLoad(program, options, false)
  return loadProgram(held.program, held.options)
}

/** Loads a program on this thread. */
export function loadProgram(program: PreparedProgram, options: LoadOptions): LoadResult {
  const steps = loadSteps(program, options)
  try {
    let step = steps.next()
    while (!step.done) {
      const result = bpfUninterrupted('prog_load', step.value)
      step = steps.next({ result, trueSize: attrResult32(attr.prog_load.log_true_size) })
    }
    return step.value
  } finally {
    endSteps(steps)
  }
}

/** Loads a program on a thread of libuv's pool: the verifier may take seconds. */
export async function loadProgramAsync(program: PreparedProgram, options: LoadOptions): Promise<LoadResult> {
  using held = new HeldLoad(program, options, true)
  const steps = loadSteps(held.program, held.options)
  try {
    let step = steps.next()
    while (!step.done) {
      const { result, attr: written } = await bpfUninterruptedAsync('prog_load', step.value)
      step = steps.next({ result, trueSize: written.getUint32(attr.prog_load.log_true_size, true) })
    }
    return step.value
  } finally {
    endSteps(steps)
  }
}

/** Closes the jump tables and the attach target also when the call itself throws, for a field that cannot be written. */
function endSteps(steps: LoadSteps): void {
  steps.return({ fd: -1, verifierLog: '' })
}

function* loadSteps(program: PreparedProgram, options: LoadOptions): LoadSteps {
  const { spec } = program
  const token = resolveToken(options.token)
  using tables = new LoadedJumpTables(token)
  const instructions = finishProgram(program, {
    maps: options.maps,
    jumpTables: slots => tables.create(slots),
  })
  raiseMemlockLimit()
  using target = needsAttachTarget(spec) ? resolveAttachTarget(spec, token) : undefined
  const fields = withToken('prog_load', loadFields(spec, instructions, options, target), token)
  const refused = (result: number, log: string): BpfError => {
    return loadError(program, { instructions, fields, token, btfRefusal: options.btfRefusal }, result, log)
  }

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
        throw refused(result, cString(log.bytes))
      }
    } else {
      throw refused(result, log === undefined ? '' : cString(log.bytes))
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
