/**
 * The pictures in `docs/charts.md`, drawn by the library itself.
 *
 * @module
 */

import { flameGraphSvg } from '../../src/charts/flame/svg.ts'
import { log2Histogram } from '../../src/charts/histogram/histogram.ts'
import { histogramSvg } from '../../src/charts/histogram/svg.ts'
import { parseFolded } from '../../src/charts/stacks/folded.ts'
import type { StackCount } from '../../src/charts/stacks/stack.ts'

/** A small server: what stands in the guide. */
const FOLDED = `node;uv_run;onread;parserOnMessage;handle_[j];renderPage_[j];escape_[j] 41
node;uv_run;onread;parserOnMessage;handle_[j];renderPage_[j];JSON.stringify 58
node;uv_run;onread;parserOnMessage;handle_[j];renderPage_[j] 22
node;uv_run;onread;parserOnMessage;handle_[j];readSession_[j];lookup_[j] 37
node;uv_run;onread;parserOnMessage;handle_[j] 9
node;uv_run;onread;uv__read;read_[k];vfs_read_[k];sock_read_iter_[k];tcp_recvmsg_[k] 31
node;uv_run;onread;uv__write;writev_[k];vfs_writev_[k];sock_write_iter_[k];tcp_sendmsg_[k];tcp_write_xmit_[k] 44
node;uv_run;uv__io_poll;epoll_wait_[k];do_epoll_wait_[k];schedule_[k] 18
node;uv_run;uv__run_timers;tick_[j] 6
node;V8 GC;MinorMC;Scavenge 27
`

/** The pictures by path. */
export function pictures(): Map<string, string> {
  const latencies = [0, 0, 0, 12, 210, 1830, 977, 331, 65, 12, 3, 0, 41, 9]
  const stacks: StackCount[] = parseFolded(FOLDED)
  return new Map([
    [
      'docs/pictures/histogram.svg',
      histogramSvg(log2Histogram(latencies, { label: 'usecs' }), { title: 'Block I/O latency' }),
    ],
    [
      'docs/pictures/flame-graph.svg',
      flameGraphSvg(stacks, {
        title: 'node server.js',
        width: 900,
        notes: ['99 Hz for 3 s, 0 samples lost'],
      }),
    ],
  ])
}
