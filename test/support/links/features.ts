/**
 * What kernels say about links, beyond what the library itself depends on: for tests to be skipped by.
 *
 * @module
 */

import type { Feature } from '../../../src/kernel/probes/probe.ts'
import { since } from '../programs/features.ts'

/** Target and attach type in the info of tracing links. */
export const targetInTracingInfo: Feature = since('5.13', 'The target in the info of a tracing link')
/** Info of links of many kprobes. */
export const kprobeMultiInfo: Feature = since('6.6', 'Info of a kprobe_multi link')
/** Info of links of many uprobes. */
export const uprobeMultiInfo: Feature = since('6.8', 'Info of a uprobe_multi link')
