import { readFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { BPF_F_SLEEPABLE } from '../../../src/abi/constants.ts'
import { add, mov } from '../../../src/asm/alu.ts'
import { call } from '../../../src/asm/calls.ts'
import { r0, r1, r2, r3, r10 } from '../../../src/asm/registers.ts'
import { EFAULT, EPERM } from '../../../src/base/errno.ts'
import { kernelBtf } from '../../../src/kernel/btf.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { lsm } from '../../../src/links/hooks/tracing/lsm.ts'
import type { TracingLinkInfo } from '../../../src/links/info.ts'
import { Link } from '../../../src/links/link.ts'
import type { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftoolLink } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { targetInTracingInfo } from '../../support/links/features.ts'
import { argument, attachCookie, Recorder, type Recording } from '../../support/links/recorder.ts'
import { eventually } from '../../support/poll.ts'
import { bpfLsm, since } from '../../support/programs/features.ts'

const needs = [features.trampoline, bpfLsm]
const sleepableLsm = since('5.11', 'Sleepable LSM programs')

/** Loads a program for the hook that decides over the priority of a process, which no other process here changes. */
function load(recorder: Recorder, recording?: Recording, spec: Partial<ProgramSpec> = {}): Program {
  const target = { expectedAttachType: 'lsm_mac', attachTarget: 'task_setnice' } as const
  return recorder.load({ type: 'lsm', ...target, ...spec }, recording)
}

kernelTest('a hook that returns 0 allows, and sees the arguments', needs, t => {
  using recorder = new Recorder()
  const nice = getPriority()
  using program = load(recorder, { values: [argument(1)] })
  using link = lsm(program)
  setPriority(nice)
  t.is(recorder.hits, 1)
  t.is(BigInt.asIntN(32, recorder.value(0)), BigInt(nice))
  link.close()
  setPriority(nice)
  t.is(recorder.hits, 1)
})

kernelTest('a hook that returns an errno denies, until it is closed', needs, t => {
  using recorder = new Recorder()
  const nice = getPriority()
  using program = load(recorder, { returns: [mov(r0, -EPERM)] })
  using link = lsm(program)
  t.throws(() => setPriority(nice), { message: /EPERM|EACCES/ })
  t.is(recorder.hits, 1)
  link.close()
  setPriority(nice)
})

kernelTest('the first program that denies decides', needs, t => {
  using recorder = new Recorder()
  const nice = getPriority()
  using denies = load(recorder, { counter: [mov(r0, 1)], returns: [mov(r0, -EPERM)] })
  using allows = load(recorder, { counter: [mov(r0, 2)] })
  using _first = lsm(denies)
  using _second = lsm(allows)
  t.throws(() => setPriority(nice))
  t.is(recorder.counts[1], 1)
})

kernelTest('a hook that may sleep reads memory of the process', [...needs, sleepableLsm], t => {
  using recorder = new Recorder()
  const readNull = [mov(r1, r10), add(r1, -8), mov(r2, 8), mov(r3, 0), call('copy_from_user')]
  const spec = { attachTarget: 'file_open', flags: BPF_F_SLEEPABLE }
  using program = load(recorder, { values: [readNull] }, spec)
  using link = lsm(program)
  readFileSync('/proc/self/status')
  link.close()
  t.true(recorder.hits >= 1)
  t.is(BigInt.asIntN(64, recorder.value(0)), BigInt(-EFAULT))
  t.throws(() => load(recorder, { values: [readNull] }, { attachTarget: 'file_open' }), {
    name: 'VerifierError',
    message: /copy_from_user/,
  })
})

kernelTest('a hook has a cookie', [...needs, features.tracingLink], t => {
  using recorder = new Recorder()
  using program = load(recorder, { counter: attachCookie })
  using _link = lsm(program, { cookie: 9n })
  setPriority(getPriority())
  t.is(recorder.counts[9], 1)
})

kernelTest('info names program and hook, as bpftool shows them', [...needs, 'bpftool'], t => {
  using recorder = new Recorder()
  using program = load(recorder)
  using link = lsm(program)
  const info = link.info() as TracingLinkInfo
  t.like(info, { type: 'tracing', programId: program.info().id, attachType: 'lsm_mac' })
  t.like(bpftoolLink(info.id), {
    id: info.id,
    type: 'tracing',
    prog_id: info.programId,
    prog_type: 'lsm',
    attach_type: 'lsm_mac',
  })
  if (targetInTracingInfo.probe() === 'no') return
  t.is(info.targetBtfId, kernelBtf().find('bpf_lsm_task_setnice', 'func')!)
  t.like(bpftoolLink(info.id), { target_obj_id: info.targetObjectId, target_btf_id: info.targetBtfId })
})

kernelTest('a pinned hook stays', needs, async t => {
  using recorder = new Recorder()
  using bpffs = temporaryBpffs()
  using program = load(recorder)
  using link = lsm(program)
  const path = `${bpffs.path}/link`
  link.pin(path)
  link.close()
  program.close()
  setPriority(getPriority())
  t.is(recorder.hits, 1)
  using opened = Link.loadPinned(path)
  opened.unpin(path)
  opened.close()
  // The kernel lets go of a removed pin in its own time.
  const detached = await eventually(() => {
    recorder.reset()
    setPriority(getPriority())
    return recorder.hits === 0
  })
  t.true(detached)
})

kernelTest('a hook that does not exist is refused, with the reason', needs, t => {
  using recorder = new Recorder()
  t.throws(() => load(recorder, {}, { attachTarget: 'no_such_hook' }), {
    code: 'ENOENT',
    message:
      /^Cannot load program recorder: the kernel's BTF has no func bpf_lsm_no_such_hook: the kernel has no such LSM hook/,
  })
})

kernelTest('a program without its attach type is refused, with the reason', needs, t => {
  using recorder = new Recorder()
  t.throws(() => recorder.load({ type: 'lsm', attachTarget: 'task_setnice' }), {
    code: 'ERR_INVALID_SPEC',
    message:
      'Cannot load program recorder: set expectedAttachType to one of lsm_mac, lsm_cgroup; it has none',
  })
})
