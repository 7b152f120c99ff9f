/** Names that the kernel does not have come with the one that is most like them. */

import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { load as read } from '../../../src/asm/memory.ts'
import { r0, r1 } from '../../../src/asm/registers.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { kprobe } from '../../../src/links/hooks/kernel-probes/kprobe.ts'
import { syscallFunction } from '../../../src/links/hooks/kernel-probes/ksyscall.ts'
import { rawTracepoint } from '../../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { tracepoint } from '../../../src/links/hooks/kernel-probes/tracepoint.ts'
import { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { kernelTest } from '../../support/kernel-test.ts'

const load = (spec: Omit<ProgramSpec, 'instructions'>): Program =>
  Program.load({ name: 'p', license: 'GPL', instructions: [mov(r0, 0), exit()], ...spec })

kernelTest('a mistyped target of BTF comes with the nearest one', [], t => {
  for (const [expectedAttachType, attachTarget, meant] of [
    ['trace_raw_tp', 'sched_swich', 'sched_switch'],
    ['trace_iter', 'taks', 'task'],
    ['trace_fentry', 'vfs_raed', 'vfs_read'],
  ] as const) {
    t.throws(() => load({ type: 'tracing', expectedAttachType, attachTarget }).close(), {
      message: new RegExp(`; did you mean ${meant}\\?`),
    })
  }
})

kernelTest('a mistyped raw tracepoint comes with the nearest one', [], t => {
  using program = load({ type: 'raw_tracepoint' })
  t.throws(() => rawTracepoint(program, 'sched_swich').close(), {
    code: 'ENOENT',
    message: /: the kernel has no such tracepoint; did you mean sched_switch\?$/,
  })
})

kernelTest('a mistyped tracepoint comes with the nearest one', ['tracefs'], t => {
  using program = load({ type: 'tracepoint' })
  for (const [group, name, message] of [
    ['sched', 'sched_swich', ': group sched has no such event; did you mean sched_switch?'],
    ['shced', 'sched_switch', ': the kernel has no group shced; did you mean sched?'],
  ] as const) {
    const error = t.throws(() => tracepoint(program, group, name).close(), { code: 'ENOENT' })
    t.true(error.message.endsWith(message), error.message)
  }
})

kernelTest('a mistyped function or system call comes with the nearest one', [features.kprobe], t => {
  using program = load({ type: 'kprobe' })
  t.throws(() => kprobe(program, 'vfs_raed').close(), { message: /; did you mean vfs_read\?$/ })
})

kernelTest('a mistyped system call comes with the nearest one', [], t => {
  t.throws(() => syscallFunction('opneat'), { message: /; did you mean openat\?$/ })
})

kernelTest('a program that reads beyond the record of its tracepoint', ['tracefs'], t => {
  using program = Program.load({
    name: 'p',
    type: 'tracepoint',
    license: 'GPL',
    instructions: [read('u64', r0, r1, 4096), mov(r0, 0), exit()],
  })
  t.throws(() => tracepoint(program, 'sched', 'sched_switch').close(), {
    code: 'EACCES',
    message:
      /: it reads beyond the record of the tracepoint, which has \d+ bytes: see \/\S*\/events\/sched\/sched_switch\/format$/,
  })
})
