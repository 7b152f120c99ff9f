/**
 * Running a program on given input, `BPF_PROG_TEST_RUN`.
 *
 * Source: kernel/bpf/syscall.c `bpf_prog_test_run`, net/bpf/test_run.c.
 *
 * @module
 */

import type { ProgramType } from '../abi/generated/enums.ts'
import { attr } from '../abi/generated/layouts.ts'
import { failure } from '../kernel/failure.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { attrResult32, bpfUninterrupted } from '../syscalls/bpf.ts'

/** Input of a test run. */
export interface TestRunOptions {
  /** Packet or other data that the program reads; network programs need at least 14 bytes. */
  data?: Uint8Array
  /** Bytes to reserve for the data after the run. Default: the data's length plus 256. */
  dataOutSize?: number
  /** Context, such as `struct __sk_buff`, or the argument of a `syscall` program (Linux 5.2). */
  context?: Uint8Array
  /** How often to run; `returnValue` is of the last run, `duration` their mean. Not for every type. Default: 1. */
  repeat?: number
  /** `BPF_F_TEST_*` flags. */
  flags?: number
  /** CPU to run on, with `BPF_F_TEST_RUN_ON_CPU` (Linux 5.10). */
  cpu?: number
  /** Frames per batch, with `BPF_F_TEST_XDP_LIVE_FRAMES` (Linux 5.18). */
  batchSize?: number
}

/** What a test run gave. */
export interface TestRunResult {
  /** What the program returned, as an unsigned 32-bit number. */
  returnValue: number
  /** Mean time of a run in nanoseconds. */
  duration: number
  /** Data after the run; empty when none was given. */
  data: Uint8Array
  /** Context after the run; empty when none was given. */
  context: Uint8Array
}

const HEADROOM = 256

/** Types whose context the kernel does not copy out: it stays as it was, or is changed in place. */
const CONTEXT_IN_PLACE: readonly (ProgramType | number)[] = [
  'syscall',
  'raw_tracepoint',
  'raw_tracepoint_writable',
  'tracing',
]

/**
 * Runs the program with this descriptor (Linux 4.12).
 *
 * @throws BpfError when its type cannot be run (`ENOTSUPP`), or the input does not fit it (`EINVAL`)
 */
export function testRun(
  fd: number,
  name: string,
  type: ProgramType | number,
  options: TestRunOptions,
): TestRunResult {
  const { data } = options
  const dataOut = new Uint8Array(data === undefined ? 0 : (options.dataOutSize ?? data.length + HEADROOM))
  const context = new Uint8Array(options.context ?? [])
  const fields: AttrFields<'prog_run'> = {
    prog_fd: fd,
    repeat: options.repeat ?? 0,
    flags: options.flags ?? 0,
    cpu: options.cpu ?? 0,
    batch_size: options.batchSize ?? 0,
  }
  if (data !== undefined) {
    fields.data_size_in = data.length
    fields.data_in = data
    fields.data_size_out = dataOut.length
    if (dataOut.length > 0) fields.data_out = dataOut
  }
  const copiesOut = context.length > 0 && !CONTEXT_IN_PLACE.includes(type)
  if (context.length > 0) {
    fields.ctx_size_in = context.length
    fields.ctx_in = context
  }
  if (copiesOut) {
    fields.ctx_size_out = context.length
    fields.ctx_out = context
  }
  const result = bpfUninterrupted('prog_run', fields)
  if (result < 0) throw failure(`Cannot run program ${name}`, result, 'bpf(BPF_PROG_TEST_RUN)')
  return {
    returnValue: attrResult32(attr.test.retval),
    duration: attrResult32(attr.test.duration),
    data: dataOut.subarray(0, attrResult32(attr.test.data_size_out)),
    context: copiesOut ? context.subarray(0, attrResult32(attr.test.ctx_size_out)) : context,
  }
}
