/**
 * What keeps a program attached to many functions by trampolines.
 *
 * Source: kernel/trace/bpf_trace.c `bpf_tracing_multi_link_lops`.
 *
 * @module
 */

import type { OwnedFd } from '../../../syscalls/fd.ts'
import type { TracingMultiLinkInfo } from '../../info.ts'
import { defineLinkClass, KernelLink } from '../../link.ts'
import type { RejectedFunction } from '../function-pattern.ts'

/** A link to many functions by trampolines. Since Linux 7.2. */
export class TracingMultiLink extends KernelLink {
  static {
    defineLinkClass('tracing_multi', fd => new TracingMultiLink(fd))
  }

  /**
   * Functions that the pattern matches but that cannot be attached to. Empty for a link that was opened by id,
   * descriptor or pin: the kernel does not keep them.
   */
  readonly rejected: readonly RejectedFunction[]
  #count: number | undefined

  /**
   * @param count number of functions, where it is known
   * @param rejected what a pattern has left out
   *
   * @internal
   */
  constructor(fd: OwnedFd, count?: number, rejected: readonly RejectedFunction[] = []) {
    super(fd)
    this.#count = count
    this.rejected = rejected
  }

  /** Number of functions that it is attached to. */
  get count(): number {
    this.#count ??= this.info().count
    return this.#count
  }

  override info(): TracingMultiLinkInfo {
    return super.info() as TracingMultiLinkInfo
  }
}
