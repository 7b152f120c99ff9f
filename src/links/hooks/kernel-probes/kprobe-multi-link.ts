/**
 * What keeps a program attached to many functions: a link of the kernel, or a kprobe for each.
 *
 * Source: include/uapi/linux/bpf.h `bpf_link_info.kprobe_multi`.
 *
 * @module
 */

import type { OwnedFd } from '../../../syscalls/fd.ts'
import type { KprobeMultiLinkInfo } from '../../info.ts'
import { defineLinkClass, KernelLink, type Link } from '../../link.ts'
import { LinkGroup } from '../../link-group.ts'
import type { RejectedFunction } from '../function-pattern.ts'

/** A link to many functions. Since Linux 5.18. */
export class KprobeMultiLink extends KernelLink {
  static {
    defineLinkClass('kprobe_multi', fd => new KprobeMultiLink(fd))
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

  /**
   * Number of functions that it is attached to. Of a link that was opened by id, descriptor or pin it is 0 before
   * Linux 6.6, which does not say.
   */
  get count(): number {
    this.#count ??= this.info().count
    return this.#count
  }

  override info(): KprobeMultiLinkInfo {
    return super.info() as KprobeMultiLinkInfo
  }
}

/** Kprobes on many functions, where the kernel has no link for them. */
export class KprobeGroup extends LinkGroup {
  /** Functions that the pattern matches but that cannot be attached to. */
  readonly rejected: readonly RejectedFunction[]

  /**
   * Takes over the links.
   *
   * @param rejected what a pattern has left out
   *
   * @internal
   */
  constructor(links: readonly Link[], rejected: readonly RejectedFunction[]) {
    super(links)
    this.rejected = rejected
  }

  /** Number of functions that it is attached to. */
  get count(): number {
    return this.links.length
  }
}
