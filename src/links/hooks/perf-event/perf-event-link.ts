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

import { attachTypes } from '../../../abi/generated/enums.ts'
import { perfEventAttr } from '../../../abi/generated/layouts.ts'
import { PERF_EVENT_IOC_ENABLE, PERF_EVENT_IOC_SET_BPF, PERF_FLAG_FD_CLOEXEC } from '../../../abi/linux.ts'
import { BpfError, closedError, NotSupportedError } from '../../../base/errors.ts'
import { failure } from '../../../kernel/failure.ts'
import { features } from '../../../kernel/features.ts'
import { bpf } from '../../../syscalls/bpf.ts'
import { OwnedFd } from '../../../syscalls/fd.ts'
import { allocate, type NativeMemory } from '../../../syscalls/memory.ts'
import { ioctl, perfEventOpen } from '../../../syscalls/perf.ts'
import type { LinkInfo, PerfEventDetails } from '../../info.ts'
import { KernelLink, Link, type ProgramHandle } from '../../link.ts'
import { type TaskFdInfo, taskFdQuery } from '../../task-fd-query.ts'
import { requireCookie } from '../cookie.ts'

/** Fields of `struct perf_event_attr` to set: offset in the struct to value; `bigint` means 64 bits. */
export type PerfEventFields = readonly (readonly [offset: number, value: number | bigint])[]

/**
 * Opens a perf event on all CPUs (`cpu` 0 stands for all where the event is a trace event).
 *
 * @param what names the event in errors
 * @param _pointees memory that fields point to: a reference here keeps it until the kernel has read it
 * @throws BpfError when the kernel refuses
 */
export function openPerfEvent(
  what: string,
  fields: PerfEventFields,
  pid = -1,
  cpu = 0,
  _pointees: readonly NativeMemory[] = [],
): OwnedFd {
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

/** How a program is attached to a perf event. */
export interface PerfAttachOptions {
  /** Number that the program reads with `bpf_get_attach_cookie` (5.15, needs a link). */
  cookie?: bigint | undefined
  /** `'link'` (5.15) or `'ioctl'`; `'auto'` takes a link where the kernel has it. Default: `'auto'`. */
  way?: 'auto' | 'link' | 'ioctl'
  /** What must be disposed of after the event is closed, such as its line in tracefs. */
  held?: Disposable
}

/**
 * Attaches a program to a perf event, which the returned link owns from then on, as it does `held`; both are
 * disposed of when this throws.
 *
 * @param what names the attachment in errors
 * @throws RangeError when the cookie does not fit 64 bits
 * @throws NotSupportedError when a link is asked for, or a cookie given, and the kernel is older than 5.15
 */
export function attachPerfEvent(
  program: ProgramHandle,
  event: OwnedFd,
  what: string,
  { cookie, way = 'auto', held }: PerfAttachOptions = {},
): Link {
  const owned: Disposable[] = held === undefined ? [event] : [event, held]
  try {
    requireCookie(what, cookie)
    const linkable = way === 'link' || (way === 'auto' && features.perfEventLink.probe() !== 'no')
    if (linkable) {
      features.perfEventLink.require()
      const fields = { prog_fd: program.fd, target_fd: event.fd, attach_type: attachTypes.perf_event }
      const withCookie = cookie === undefined ? fields : { ...fields, perf_event: { bpf_cookie: cookie } }
      const result = bpf('link_create', withCookie)
      if (result < 0) throw failure(`Cannot attach ${what}`, result, 'bpf(BPF_LINK_CREATE)')
      const fd = OwnedFd.adopt(result, `link of ${what}`)
      // The link goes before its event.
      owned.unshift(fd)
      control(event, PERF_EVENT_IOC_ENABLE, 0, what)
      return new EventLink(fd, event, owned.slice(1))
    }
    if (cookie !== undefined) throw new NotSupportedError(`Attaching ${what} with a cookie`, '5.15')
    control(event, PERF_EVENT_IOC_SET_BPF, program.fd, what)
    control(event, PERF_EVENT_IOC_ENABLE, 0, what)
    return new PerfEventLink(event, owned)
  } catch (error) {
    for (const each of owned) each[Symbol.dispose]()
    throw error
  }
}

function control(event: OwnedFd, request: number, argument: number, what: string): void {
  const result = ioctl(event.fd, request, argument)
  if (result < 0) throw failure(`Cannot attach ${what}`, result, 'ioctl(PERF_EVENT_IOC)')
}

/** A link of a perf event (5.15). */
class EventLink extends KernelLink {
  readonly #event: OwnedFd

  /** @param held the event itself, and what must be disposed of after it */
  constructor(fd: OwnedFd, event: OwnedFd, held: readonly Disposable[]) {
    super(fd, held)
    this.#event = event
  }

  override info(): LinkInfo {
    const info = super.info()
    if (info.type !== 'perf_event' || info.event.type !== 'unspec') return info
    // Before 6.6 the kernel tells nothing of a link's event, but it does of the event's descriptor.
    return { ...info, event: queryEvent(this.#event.fd).event }
  }
}

/** A program that hangs on a perf event's descriptor, on kernels without links for it (before 5.15). */
class PerfEventLink extends Link {
  readonly #event: OwnedFd
  readonly #owned: readonly Disposable[]

  /** @param owned the event itself, and what must be disposed of after it */
  constructor(event: OwnedFd, owned: readonly Disposable[]) {
    super()
    this.#event = event
    this.#owned = owned
  }

  get fd(): number {
    return this.#event.fd
  }

  get closed(): boolean {
    return this.#event.closed
  }

  info(): LinkInfo {
    // No link, hence no id.
    return { type: 'perf_event', id: 0, ...queryEvent(this.fd) }
  }

  update(): void {
    this.#refuse('Updating an attachment to a perf event')
  }

  detach(): void {
    this.#refuse('Detaching from a perf event without closing it')
  }

  pin(): void {
    this.#refuse('Pinning an attachment to a perf event without a link', '5.15')
  }

  #refuse(what: string, since?: string): never {
    if (this.closed) throw closedError('The attachment to a perf event')
    throw new NotSupportedError(what, since)
  }

  close(): void {
    if (this.#event.closed) return
    for (const each of this.#owned) each[Symbol.dispose]()
  }
}

/** Asks for the event of a descriptor of this process. */
function queryEvent(fd: number): { programId: number; event: PerfEventDetails } {
  try {
    const info = taskFdQuery(fd)
    return { programId: info.programId, event: detailsOf(info) }
  } catch (error) {
    // The kernel tells of probes and tracepoints only.
    if (error instanceof BpfError && error.code === 'EOPNOTSUPP') {
      return { programId: 0, event: { type: 'unspec' } }
    }
    throw error
  }
}

/** What cannot be asked for is 0. */
function detailsOf({ kind, name, offset: wideOffset, address }: TaskFdInfo): PerfEventDetails {
  const offset = Number(wideOffset)
  switch (kind) {
    case 'tracepoint':
      return { type: kind, name, cookie: 0n }
    case 'kprobe':
    case 'kretprobe':
      return { type: kind, function: name, offset, address, missed: 0n, cookie: 0n }
    case 'uprobe':
    case 'uretprobe':
      return { type: kind, file: name, offset, refCtrOffset: 0n, cookie: 0n }
    default:
      return { type: 'unspec' }
  }
}
