/**
 * Running a program on given input, `BPF_PROG_TEST_RUN`.
 *
 * Source: kernel/bpf/syscall.c `bpf_prog_test_run`, net/bpf/test_run.c.
 *
 * @module
 */

import { types } from 'node:util'
import type { ProgramType } from '../abi/generated/enums.ts'
import { attr } from '../abi/generated/layouts.ts'
import { EINVAL, ENOTSUPP } from '../base/errno.ts'
import { withReason } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { attrResult32, bpfUninterrupted } from '../syscalls/bpf.ts'

/** Input of a test run. */
export interface TestRunOptions {
  /**
   * Packet or other data that the program reads. Programs of packets need at least an Ethernet header (14 bytes), those of
   * type `netfilter` an IP header (20 bytes).
   */
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
 * Runs a program. Since Linux 4.12.
 *
 * @throws BpfError when its type cannot be run (`ENOTSUPP`), or the input does not fit it (`EINVAL`)
 * @throws RangeError when a number is out of range
 * @throws TypeError when data or context is not a `Uint8Array`
 */
export function testRun(
  program: { readonly fd: number; readonly name: string; readonly type: ProgramType | number },
  options: TestRunOptions,
): TestRunResult {
  const action = `Cannot run program ${program.name}`
  const { data, context: given, dataOutSize, repeat = 0, flags = 0, cpu = 0, batchSize = 0 } = options
  requireUnsigned(action, 'repeat', repeat, MOST_INT)
  requireUnsigned(action, 'flags', flags, MOST_UNSIGNED)
  requireUnsigned(action, 'cpu', cpu, MOST_UNSIGNED)
  requireUnsigned(action, 'batchSize', batchSize, MOST_UNSIGNED)
  requireBytes(action, 'data', data)
  requireBytes(action, 'context', given)
  // Copies: their lengths are those of their memory, whatever the caller's object says, and stay so during the call.
  const dataIn = data === undefined ? undefined : new Uint8Array(data)
  const outSize = dataIn === undefined ? 0 : (dataOutSize ?? dataIn.length + HEADROOM)
  requireUnsigned(action, 'dataOutSize', outSize, MOST_INT)
  const dataOut = new Uint8Array(outSize)
  const context = new Uint8Array(given ?? [])
  const copiesOut = context.length > 0 && !CONTEXT_IN_PLACE.includes(program.type)
  // The descriptor last: getters of the options may have closed the program.
  const fields: AttrFields<'prog_run'> = {
    repeat,
    flags,
    cpu,
    batch_size: batchSize,
    prog_fd: program.fd,
  }
  if (dataIn !== undefined) {
    fields.data_size_in = dataIn.length
    fields.data_in = dataIn
    fields.data_size_out = dataOut.length
    if (dataOut.length > 0) fields.data_out = dataOut
  }
  if (context.length > 0) {
    fields.ctx_size_in = context.length
    fields.ctx_in = context
  }
  if (copiesOut) {
    fields.ctx_size_out = context.length
    fields.ctx_out = context
  }
  const result = bpfUninterrupted('prog_run', fields)
  if (result < 0) {
    const error = failure(action, result, 'bpf(BPF_PROG_TEST_RUN)')
    const reason = explainRun(-result, program.type, dataIn, repeat)
    throw reason === undefined ? error : withReason(error, reason)
  }
  return {
    returnValue: attrResult32(attr.test.retval),
    duration: attrResult32(attr.test.duration),
    data: dataOut.subarray(0, attrResult32(attr.test.data_size_out)),
    context: copiesOut ? context.subarray(0, attrResult32(attr.test.ctx_size_out)) : context,
  }
}

/** A number would become that many zeros, and a list its numbers cut to bytes. */
function requireBytes(action: string, name: string, value: unknown): void {
  if (value === undefined || types.isUint8Array(value)) return
  throw new TypeError(`${action}: ${name} is not a Uint8Array`)
}

/** Bytes of an Ethernet header, `ETH_HLEN`. */
const ETHERNET = 14
/** Bytes of an IPv4 header without options, `struct iphdr`. */
const IP = 20

/** Bytes of the least packet that programs of a type run on; other types do not run on packets. */
const LEAST_PACKET: Readonly<Partial<Record<ProgramType | number, number>>> = {
  socket_filter: ETHERNET,
  sched_cls: ETHERNET,
  sched_act: ETHERNET,
  xdp: ETHERNET,
  cgroup_skb: ETHERNET,
  lwt_in: ETHERNET,
  lwt_out: ETHERNET,
  lwt_xmit: ETHERNET,
  lwt_seg6local: ETHERNET,
  flow_dissector: ETHERNET,
  netfilter: IP,
}

/** Why a run is refused, where the type decides. Source: net/bpf/test_run.c; kernel/bpf/syscall.c `bpf_prog_test_run`. */
function explainRun(
  errno: number,
  type: ProgramType | number,
  data: Uint8Array | undefined,
  repeat: number,
): string | undefined {
  if (errno === ENOTSUPP) return `this kernel has no test run for programs of type ${type}`
  if (errno !== EINVAL) return undefined
  const least = LEAST_PACKET[type] ?? 0
  const given = data?.length ?? 0
  if (given < least)
    return `programs of type ${type} run on a packet of at least ${least} bytes; data has ${given}`
  if ((type === 'raw_tracepoint' || type === 'syscall') && (data !== undefined || repeat > 0))
    return `programs of type ${type} take neither data nor repeat, but a context`
  return undefined
}

/** The kernel counts runs in a signed number: a negative one would not end. */
const MOST_INT = 0x7fff_ffff
const MOST_UNSIGNED = 0xffff_ffff

function requireUnsigned(action: string, name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= most) return
  throw new RangeError(`${action}: ${name} ${value} is not an integer from 0 to ${most}`)
}
