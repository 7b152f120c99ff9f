/**
 * A process that attaches a kprobe, for tests of what it does and what outlives it. Arguments: a mode, or `kretprobe`
 * with maxactive 8 through tracefs; and what it does then.
 *
 * @module
 */

import { kprobe, kretprobe } from '../../../src/links/hooks/kernel-probes/kprobe.ts'
import type { ProbeMode } from '../../../src/links/hooks/perf-event/probe.ts'
import { ProbeProgram, TRACED } from './probe-programs.ts'

const [mode = 'auto', end] = process.argv.slice(2)
const { program } = new ProbeProgram()
const link =
  mode === 'kretprobe'
    ? kretprobe(program, TRACED, { maxactive: 8, mode: 'legacy' })
    : kprobe(program, TRACED, { mode: mode as ProbeMode })
if (end === 'close') link.close()
else if (end === 'killed') process.kill(process.pid, 'SIGKILL')
else if (end === 'wait') {
  process.stdout.write('attached\n')
  setInterval(() => {}, 1000)
}
