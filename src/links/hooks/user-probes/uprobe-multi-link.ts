/**
 * Links of uprobes on many functions.
 *
 * Source: include/uapi/linux/bpf.h `bpf_link_info.uprobe_multi`.
 *
 * @module
 */

import type { OwnedFd } from '../../../syscalls/fd.ts'
import type { UprobeMultiLinkInfo } from '../../info.ts'
import { defineLinkClass, KernelLink } from '../../link.ts'

/** A link to many places of a file. Since Linux 6.6. */
export class UprobeMultiLink extends KernelLink {
  static {
    defineLinkClass('uprobe_multi', fd => new UprobeMultiLink(fd))
  }

  #count: number | undefined

  /**
   * @param count number of places, where it is known
   *
   * @internal
   */
  constructor(fd: OwnedFd, count?: number) {
    super(fd)
    this.#count = count
  }

  /**
   * Number of places that it is attached to. Of a link that was opened by id, descriptor or pin it is 0 before
   * Linux 6.8, which does not say.
   */
  get count(): number {
    this.#count ??= this.info().count
    return this.#count
  }

  override info(): UprobeMultiLinkInfo {
    return super.info() as UprobeMultiLinkInfo
  }
}
