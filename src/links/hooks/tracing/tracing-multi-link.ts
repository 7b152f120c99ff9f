/**
 * What keeps a program attached to many functions by trampolines.
 *
 * Source: kernel/trace/bpf_trace.c `bpf_tracing_multi_link_lops`.
 *
 * @module
 */

import type { TracingMultiLinkInfo } from '../../info.ts'
import { defineLinkClass } from '../../link.ts'
import { ManyFunctionsLink } from '../many-functions-link.ts'

/** A link to many functions by trampolines. Since Linux 7.2. */
export class TracingMultiLink extends ManyFunctionsLink {
  static {
    defineLinkClass('tracing_multi', fd => new TracingMultiLink(fd))
  }

  override info(): TracingMultiLinkInfo {
    return super.info() as TracingMultiLinkInfo
  }

  protected override countNow(): number {
    return this.info().count
  }
}
