/**
 * Links of operations of a struct of the kernel.
 *
 * Source: include/uapi/linux/bpf.h `bpf_link_info.struct_ops`.
 *
 * @module
 */

import type { StructOpsLinkInfo } from '../../info.ts'
import { defineLinkClass, KernelLink } from '../../link.ts'

/** A link of the operations of a `struct_ops` map. Since Linux 6.4. */
export class StructOpsLink extends KernelLink {
  static {
    defineLinkClass('struct_ops', fd => new StructOpsLink(fd))
  }

  override info(): StructOpsLinkInfo {
    return super.info() as StructOpsLinkInfo
  }
}
