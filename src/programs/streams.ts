/**
 * The streams of a program: what it writes with `bpf_stream_vprintk`, and what the kernel reports of it.
 *
 * Source: kernel/bpf/stream.c `bpf_prog_stream_read`.
 *
 * @module
 */

import { featureSince } from '../abi/feature-since.ts'
import { EINVAL } from '../base/errno.ts'
import type { BpfError } from '../base/errors.ts'
import { failure } from '../kernel/failure.ts'
import { lacking } from '../kernel/lacking.ts'
import { isAtLeast } from '../kernel/version.ts'
import { bpf } from '../syscalls/bpf.ts'
import { allocate } from '../syscalls/memory.ts'

/** A stream of a program; the kernel's own reports are on `stderr`. */
export type ProgramStream = 'stdout' | 'stderr'

/** `BPF_STREAM_*`. Source: include/uapi/linux/bpf.h. */
const IDS: Readonly<Record<ProgramStream, number>> = { stdout: 1, stderr: 2 }
/** Bytes that a stream holds, `BPF_STREAM_MAX_CAPACITY`. Source: include/linux/bpf.h. */
const CAPACITY = 100_000

/**
 * Takes what a stream holds; empty when it holds nothing. Of a program that goes on writing, takes as many bytes as a
 * stream has room for. Since Linux 6.17.
 *
 * @throws TypeError when there is no such stream
 * @throws NotSupportedError on older kernels
 * @throws BpfError when the kernel refuses
 */
export function readStream(
  program: { readonly fd: number; readonly name: string },
  stream: ProgramStream,
): Buffer {
  const id = Object.hasOwn(IDS, stream) ? IDS[stream] : undefined
  if (id === undefined)
    throw new TypeError(
      `Cannot read a stream of program ${program.name}: ${String(stream)} is not stdout or stderr`,
    )
  const chunks: Buffer[] = []
  const { bytes } = allocate(CAPACITY)
  for (let left = CAPACITY; left > 0; ) {
    const fields = { stream_buf: bytes, stream_buf_len: left, stream_id: id, prog_fd: program.fd }
    const result = bpf('prog_stream_read_by_fd', fields)
    if (result < 0) throw streamError(program.name, stream, result)
    if (result === 0) break
    chunks.push(Buffer.from(bytes.subarray(0, result)))
    left -= result
  }
  return Buffer.concat(chunks)
}

function streamError(name: string, stream: ProgramStream, result: number): BpfError {
  const action = `Cannot read ${stream} of program ${name}`
  const cause = failure(action, result, 'bpf(BPF_PROG_STREAM_READ_BY_FD)')
  if (result !== -EINVAL || isAtLeast(featureSince.programStreams)) return cause
  const { errno, syscall } = cause
  return lacking('The streams of programs', featureSince.programStreams, {
    errno,
    syscall,
    cause,
    action,
  })
}
