/**
 * What a locked-down kernel refuses to root. In guests only, and after all other files (`ava.config.js`): nothing but a
 * reboot undoes it.
 *
 * @module
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { add, mov } from '../../../src/asm/alu.ts'
import { call } from '../../../src/asm/calls.ts'
import { r1, r2, r3, r10 } from '../../../src/asm/registers.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { kprobe } from '../../../src/links/hooks/kernel-probes/kprobe.ts'
import { kprobeMulti } from '../../../src/links/hooks/kernel-probes/kprobe-multi.ts'
import { fentry } from '../../../src/links/hooks/tracing/fentry.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { callTestFunctions, Recorder } from '../../support/links/recorder.ts'

/** Locks the kernel down, once: it takes no level twice. */
function lockDown(): void {
  const path = '/sys/kernel/security/lockdown'
  if (!readFileSync(path, 'utf8').includes('[confidentiality]')) writeFileSync(path, 'confidentiality')
}

const REFUSED = { code: 'EPERM', message: /: the kernel is locked down \(confidentiality\)$/ }

kernelTest('a locked-down kernel refuses kprobes, with the reason', ['guest', features.kprobe], t => {
  using recorder = new Recorder()
  using program = recorder.load({ type: 'kprobe' })
  kprobe(program, 'bpf_fentry_test1').close()
  lockDown()
  t.throws(() => kprobe(program, 'bpf_fentry_test1'), REFUSED)
})

kernelTest('a locked-down kernel shows no functions for patterns', ['guest', features.kprobeMulti], t => {
  using recorder = new Recorder()
  using program = recorder.load({ type: 'kprobe', expectedAttachType: 'trace_kprobe_multi' })
  lockDown()
  t.throws(() => kprobeMulti(program, { pattern: 'bpf_fentry_test?' }), REFUSED)
  using _link = kprobeMulti(program, { symbols: ['bpf_fentry_test1'] })
  callTestFunctions()
  t.is(recorder.hits, 1)
})

kernelTest('a locked-down kernel still has trampolines', ['guest', features.trampoline], t => {
  using recorder = new Recorder()
  const target = { expectedAttachType: 'trace_fentry', attachTarget: 'bpf_fentry_test1' } as const
  using program = recorder.load({ type: 'tracing', ...target })
  lockDown()
  using _link = fentry(program)
  callTestFunctions()
  t.is(recorder.hits, 1)
})

kernelTest('a locked-down kernel lets no program read its memory', ['guest', features.trampoline], t => {
  using recorder = new Recorder()
  lockDown()
  const readNull = [mov(r1, r10), add(r1, -8), mov(r2, 8), mov(r3, 0), call('probe_read_kernel')]
  t.throws(() => recorder.load({ type: 'kprobe' }, { values: [readNull] }), {
    name: 'VerifierError',
    message: /probe_read_kernel/,
  })
})
