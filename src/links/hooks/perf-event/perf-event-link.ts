/**
 * Links of perf events: of tracepoints, kprobes, uprobes.
 *
 * Source: kernel/bpf/syscall.c `bpf_perf_link_fill_link_info`; kernel/trace/bpf_trace.c `bpf_get_perf_event_info`.
 *
 * @module
 */

import { BpfError } from '../../../base/errors.ts'
import type { PerfEvent } from '../../../kernel/perf/perf-event.ts'
import type { OwnedFd } from '../../../syscalls/fd.ts'
import type { PerfEventDetails, PerfEventLinkInfo } from '../../info.ts'
import { defineLinkClass, KernelLink } from '../../link.ts'
import { type TaskFdInfo, taskFdQuery } from '../../task-fd-query.ts'

/** A link of a perf event: of a tracepoint, a kprobe, a uprobe. Since Linux 5.15. */
export class PerfEventLink extends KernelLink {
  static {
    defineLinkClass('perf_event', fd => new PerfEventLink(fd))
  }

  readonly #event: PerfEvent | undefined
  readonly #held: Disposable | undefined
  readonly #details: PerfEventDetails | undefined

  /**
   * @param event the event itself, where this process has opened it; it is closed after the link
   * @param held what must be disposed of after the event
   * @param details of the event, where the kernel does not describe it
   *
   * @internal
   */
  constructor(fd: OwnedFd, event?: PerfEvent, held?: Disposable, details?: PerfEventDetails) {
    super(fd)
    this.#event = event
    this.#held = held
    this.#details = details
  }

  override info(): PerfEventLinkInfo {
    const info = super.info() as PerfEventLinkInfo
    if (this.#event === undefined || info.event.type !== 'unspec') return info
    // Before 6.6 the kernel does not describe a link's event, but it does describe the event's descriptor.
    return { ...info, event: this.#details ?? queryEvent(this.#event.fd).event }
  }

  override close(): void {
    if (this.closed) return
    super.close()
    this.#event?.close()
    this.#held?.[Symbol.dispose]()
  }
}

/** Asks for the event of a descriptor of this process. */
export function queryEvent(fd: number): { programId: number; event: PerfEventDetails } {
  try {
    const info = taskFdQuery(fd)
    return { programId: info.programId, event: detailsOf(info) }
  } catch (error) {
    // The kernel describes probes and tracepoints only.
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
