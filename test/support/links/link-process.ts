/**
 * A process that pins links and ends, for tests of what outlives it. Arguments: the pin, and how the process ends.
 *
 * @module
 */

import { rawTracepoint } from '../../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { loadObject } from '../objects.ts'

const [path = '', end] = process.argv.slice(2)
const collection = loadObject('sections', ['on_raw_tp'])
const link = rawTracepoint(collection.programs.get('on_raw_tp'), 'sched_switch')
link.pin(path)
// Nothing is closed: the kernel does that.
if (end === 'killed') process.kill(process.pid, 'SIGKILL')
