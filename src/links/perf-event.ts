/**
 * Attaching a program to a perf event. Since 5.15 that gives a link; before, the program hangs on the
 * event's descriptor, and cannot be pinned, listed or given a cookie.
 *
 * Words: a *perf event* is what `perf_event_open` returns; a tracepoint, kprobe or uprobe becomes one
 * before a program can be attached to it.
 *
 * Source: libbpf `bpf_program__attach_perf_event_opts`; kernel/bpf/syscall.c `bpf_perf_link_attach`.
 *
 * @module
 */

import { attachTypes, perfEventAttr } from '../abi/index.ts'
import { NotSupportedError } from '../errors.ts'
import { failure, features } from '../kernel/index.ts'
import { allocate, ioctl, OwnedFd, perfEventOpen } from '../syscalls/index.ts'
import type { LinkInfo } from './info.ts'
import { createLink, Link, type ProgramHandle } from './link.ts'

/** `_IO('$', 0)`: enable the event. */
const PERF_EVENT_IOC_ENABLE = 0x2400
/** `_IOW('$', 8, __u32)`: attach a BPF program. */
const PERF_EVENT_IOC_SET_BPF = 0x40042408
const PERF_FLAG_FD_CLOEXEC = 8

/** Fields of `struct perf_event_attr` to set: offset in the struct to value; `bigint` means 64 bits. */
export type PerfEventFields = readonly (readonly [offset: number, value: number | bigint])[]

/**
 * Opens a perf event on all CPUs (`cpu` 0 stands for all where the event is a trace event).
 *
 * @param what names the event in errors
 * @throws BpfError when the kernel refuses
 */
export function openPerfEvent(what: string, fields: PerfEventFields, pid = -1, cpu = 0): OwnedFd {
  const attr = allocate(perfEventAttr.$size)
  attr.view.setUint32(perfEventAttr.size, perfEventAttr.$size, true)
  for (const [offset, value] of fields) {
    if (typeof value === 'bigint') attr.view.setBigUint64(offset, value, true)
    else attr.view.setUint32(offset, value, true)
  }
  const result = perfEventOpen(attr.bytes, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC)
  if (result < 0) throw failure(`Cannot open ${what}`, result, 'perf_event_open')
  return OwnedFd.adopt(result, what)
}

/**
 * Attaches a program to a perf event, which the returned link owns from then on, even when this throws.
 *
 * @throws NotSupportedError when a cookie is given and the kernel is older than 5.15
 */
export function attachPerfEvent(program: ProgramHandle, event: OwnedFd, what: string, cookie?: bigint): Link {
  try {
    if (features.perfEventLink.probe() !== 'no') {
      return createLink(
        what,
        {
          prog_fd: program.fd,
          target_fd: event.fd,
          attach_type: attachTypes.perf_event,
          ...(cookie === undefined ? {} : { perf_event: { bpf_cookie: cookie } }),
        },
        [event],
      )
    }
    if (cookie !== undefined) throw new NotSupportedError(`Attaching ${what} with a cookie`, '5.15')
    control(event, PERF_EVENT_IOC_SET_BPF, program.fd, what)
    control(event, PERF_EVENT_IOC_ENABLE, 0, what)
    return new PerfEventLink(event)
  } catch (error) {
    event.close()
    throw error
  }
}

function control(event: OwnedFd, request: number, argument: number, what: string): void {
  const result = ioctl(event.fd, request, argument)
  if (result < 0) throw failure(`Cannot attach ${what}`, result, 'ioctl(PERF_EVENT_IOC)')
}

/** A program that hangs on a perf event's descriptor, on kernels without links for it (before 5.15). */
class PerfEventLink extends Link {
  readonly #event: OwnedFd

  constructor(event: OwnedFd) {
    super()
    this.#event = event
  }

  get fd(): number {
    return this.#event.fd
  }

  get closed(): boolean {
    return this.#event.closed
  }

  info(): LinkInfo {
    throw new NotSupportedError('Info of an attachment to a perf event', '5.15')
  }

  update(): void {
    throw new NotSupportedError('Updating an attachment to a perf event')
  }

  detach(): void {
    throw new NotSupportedError('Detaching from a perf event without closing it')
  }

  pin(): void {
    throw new NotSupportedError('Pinning an attachment to a perf event', '5.15')
  }

  close(): void {
    this.#event.close()
  }
}
