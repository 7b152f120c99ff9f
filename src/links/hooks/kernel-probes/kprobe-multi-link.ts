/**
 * What keeps a program attached to many functions: a link of the kernel, or a kprobe for each.
 *
 * Source: include/uapi/linux/bpf.h `bpf_link_info.kprobe_multi`.
 *
 * @module
 */

import type { KprobeMultiLinkInfo } from '../../info.ts'
import { defineLinkClass, type Link } from '../../link.ts'
import { LinkGroup } from '../../link-group.ts'
import type { RejectedFunction } from '../function-pattern.ts'
import { ManyFunctionsLink } from '../many-functions-link.ts'

/**
 * A link to many functions. Since Linux 5.18. Of a link that was opened by id, descriptor or pin, `count` is 0 before Linux 6.6,
 * which does not say.
 */
export class KprobeMultiLink extends ManyFunctionsLink {
  static {
    defineLinkClass('kprobe_multi', fd => new KprobeMultiLink(fd))
  }

  override info(): KprobeMultiLinkInfo {
    return super.info() as KprobeMultiLinkInfo
  }

  protected override countNow(): number {
    return this.info().count
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
