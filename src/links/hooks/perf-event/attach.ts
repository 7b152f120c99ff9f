/**
 * Attaching a program to a perf event. Since Linux 5.15 that gives a link; before, the program hangs on the event's
 * descriptor, and cannot be pinned, listed or given a cookie.
 *
 * Source: libbpf `bpf_program__attach_perf_event_opts`; kernel/bpf/syscall.c `bpf_perf_link_attach`.
 *
 * @module
 */

import { attachTypes } from '../../../abi/generated/enums.ts'
import { PERF_EVENT_IOC_SET_BPF } from '../../../abi/linux.ts'
import { linkTypeSince } from '../../../abi/since.ts'
import { EINVAL } from '../../../base/errno.ts'
import { withReason } from '../../../base/errors.ts'
import { failure } from '../../../kernel/failure.ts'
import { lacking } from '../../../kernel/lacking.ts'
import type { PerfEvent } from '../../../kernel/perf/perf-event.ts'
import { features } from '../../../kernel/probes/features.ts'
import type { Hook } from '../../../programs/sections.ts'
import { ioctl } from '../../../syscalls/perf.ts'
import { createLink } from '../../create-link.ts'
import { DirectAttachment } from '../../direct-attachment.ts'
import type { LinkInfo, PerfEventDetails } from '../../info.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { requireCookie } from '../cookie.ts'
import { explainKind, type HookUse } from '../program-kind.ts'
import { PerfEventLink, queryEvent } from './perf-event-link.ts'

/** How a program is attached to a perf event. */
export interface PerfAttachOptions {
  /** Number that the program reads with `bpf_get_attach_cookie`. Since Linux 5.15, with a link. */
  cookie?: bigint | undefined
  /** `'link'` (since Linux 5.15) or `'ioctl'`; `'auto'` takes a link where the kernel has it. Default: `'auto'`. */
  way?: 'auto' | 'link' | 'ioctl'
  /** The hook, which explains a refusal. */
  hook: Hook
  /** Says why the kernel refused, given -errno. */
  explain?: (result: number) => string | undefined
  /** What must be disposed of after the event is closed, such as its line in tracefs. */
  held?: Disposable
  /** The event, where the kernel does not describe it. */
  details?: PerfEventDetails
}

/**
 * Attaches a program to a perf event, which the returned link owns from then on, as it does `held`; both are
 * disposed of when this throws.
 *
 * @param program of a type that the hook takes: `requireProgramType` goes before the event is opened
 * @param what names the attachment in errors
 * @throws BpfError when the kernel refuses
 * @throws RangeError when the cookie does not fit 64 bits
 * @throws NotSupportedError when a link is asked for, or a cookie given, and the kernel is older than 5.15
 */
export function attachPerfEvent(
  program: ProgramHandle,
  event: PerfEvent,
  what: string,
  { cookie, way = 'auto', hook, explain, held, details }: PerfAttachOptions,
): Link {
  const owned: Disposable[] = held === undefined ? [event] : [event, held]
  const use: HookUse = { program, hook }
  try {
    requireCookie(what, cookie)
    const linkable = way === 'link' || (way === 'auto' && features.perfEventLink.probe() !== 'no')
    if (linkable) {
      features.perfEventLink.require()
      const fields = { prog_fd: program.fd, target_fd: event.fd, attach_type: attachTypes.perf_event }
      const withCookie = cookie === undefined ? fields : { ...fields, perf_event: { bpf_cookie: cookie } }
      const fd = createLink({ what, use, fields: withCookie, ...(explain === undefined ? {} : { explain }) })
      // The link goes before its event.
      owned.unshift(fd)
      event.enable()
      return new PerfEventLink(fd, event, held, details)
    }
    if (cookie !== undefined) {
      if (way === 'ioctl') throw new TypeError(`Cannot attach ${what}: a cookie needs a link`)
      throw lacking(`Attaching ${what} with a cookie`, linkTypeSince.perf_event)
    }
    const result = ioctl(event.fd, PERF_EVENT_IOC_SET_BPF, program.fd)
    if (result < 0) {
      const error = failure(`Cannot attach ${what}`, result, 'ioctl(PERF_EVENT_IOC_SET_BPF)')
      const reason = explain?.(result) ?? (result === -EINVAL ? explainKind(use) : undefined)
      throw reason === undefined ? error : withReason(error, reason)
    }
    event.enable()
    return new PerfEventAttachment(event, held, details)
  } catch (error) {
    for (const each of owned) each[Symbol.dispose]()
    throw error
  }
}

/** A program that hangs on the descriptor of a perf event, on kernels without links for it (before 5.15). */
class PerfEventAttachment extends DirectAttachment {
  readonly #details: PerfEventDetails | undefined

  constructor(event: PerfEvent, held: Disposable | undefined, details: PerfEventDetails | undefined) {
    super(event, {
      what: 'an attachment to a perf event without a link',
      linkType: 'perf_event',
      hint: `links of perf events need Linux ${linkTypeSince.perf_event}`,
      held: held === undefined ? [] : [held],
    })
    this.#details = details
  }

  override info(): LinkInfo {
    // No link, hence no id.
    const { programId, event } = queryEvent(this.fd)
    return { type: 'perf_event', id: 0, programId, event: this.#details ?? event }
  }
}
