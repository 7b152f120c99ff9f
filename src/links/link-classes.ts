/**
 * `Link` with the classes of all links that offer more: whoever opens a link gets its class.
 *
 * @module
 */

export { IterLink } from './hooks/iter/iter-link.ts'
export { KprobeMultiLink } from './hooks/kernel-probes/kprobe-multi-link.ts'
export { PerfEventLink } from './hooks/perf-event/perf-event-link.ts'
export { StructOpsLink } from './hooks/struct-ops/struct-ops-link.ts'
export { TracingMultiLink } from './hooks/tracing/tracing-multi-link.ts'
export { UprobeMultiLink } from './hooks/user-probes/uprobe-multi-link.ts'
export { Link } from './link.ts'
