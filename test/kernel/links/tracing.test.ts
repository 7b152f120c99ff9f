import { spawnSync } from 'node:child_process'
import { getPriority, setPriority } from 'node:os'
import type { ExecutionContext } from 'ava'
import { BPF_F_SLEEPABLE } from '../../../src/abi/constants.ts'
import { helperSince } from '../../../src/abi/helper-since.ts'
import { add, mov } from '../../../src/asm/alu.ts'
import { call, callKfunc } from '../../../src/asm/calls.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r1, r2, r3, r6, r10 } from '../../../src/asm/registers.ts'
import { EPERM } from '../../../src/base/errno.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { kernelBtf } from '../../../src/kernel/btf.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { defineFeature } from '../../../src/kernel/probes/probe.ts'
import { fentry } from '../../../src/links/hooks/tracing/fentry.ts'
import { fexit } from '../../../src/links/hooks/tracing/fexit.ts'
import { fmodRet } from '../../../src/links/hooks/tracing/fmod-ret.ts'
import { fsession } from '../../../src/links/hooks/tracing/fsession.ts'
import type { TracingLinkInfo } from '../../../src/links/info.ts'
import { Link } from '../../../src/links/link.ts'
import { BtfObject } from '../../../src/objects/btf-object.ts'
import { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftoolLink } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { targetInTracingInfo } from '../../support/links/features.ts'
import {
  argument,
  attachCookie,
  callTestFunctions,
  comesToRest,
  functionAddress,
  functionArgument,
  Recorder,
  type Recording,
} from '../../support/links/recorder.ts'
import { summon } from '../../support/links/victim.ts'
import { loadObject, objectWith, runOnce } from '../../support/objects.ts'
import { eventually } from '../../support/poll.ts'
import { since } from '../../support/programs/features.ts'

const trampoline = [features.trampoline]
const cookieInInfo = since('6.18', 'The cookie in the info of a tracing link')
const functionArguments = since(helperSince.get_func_arg, 'The helper bpf_get_func_arg')

/** Only functions that errors can be injected into let programs sleep, where the kernel was built for that. */
const sleepableFunctions = defineFeature('A sleepable program at a test function', undefined, () => {
  try {
    Program.load({
      type: 'tracing',
      expectedAttachType: 'trace_fentry',
      attachTarget: 'bpf_fentry_test1',
      flags: BPF_F_SLEEPABLE,
      license: 'GPL',
      instructions: [mov(r0, 0), exit()],
    }).close()
    return 'yes'
  } catch (error) {
    return error instanceof VerifierError ? 'no' : 'unknown'
  }
})

/** Loads a program for a function of the kernel; by default one that only test runs call. */
function load(
  recorder: Recorder,
  expectedAttachType: 'trace_fentry' | 'trace_fexit' | 'trace_fsession' | 'modify_return',
  attachTarget: string,
  recording?: Recording,
  spec: Partial<ProgramSpec> = {},
): Program {
  return recorder.load({ type: 'tracing', expectedAttachType, attachTarget, ...spec }, recording)
}

/** What bpftool says of a link. */
const shown = (link: Link): unknown => bpftoolLink(link.info().id)

kernelTest('fentry sees the arguments, once per call, until it is closed', trampoline, t => {
  using recorder = new Recorder()
  const values = [0, 1, 2, 3, 4, 5].map(argument)
  using program = load(recorder, 'trace_fentry', 'bpf_fentry_test6', { values })
  using link = fentry(program)
  callTestFunctions()
  t.is(recorder.hits, 1)
  t.deepEqual(
    // Registers have more bits than narrow arguments.
    [64, 64, 16, 32, 64, 64].map((bits, i) => BigInt.asUintN(bits, recorder.value(i))),
    [16n, 17n, 18n, 19n, 20n, 21n],
  )
  link.close()
  callTestFunctions()
  t.is(recorder.hits, 1)
})

kernelTest('fexit sees the arguments and the return value', trampoline, t => {
  using recorder = new Recorder()
  const values = [0, 1, 2, 3].map(argument)
  using program = load(recorder, 'trace_fexit', 'bpf_fentry_test3', { values })
  using _link = fexit(program)
  callTestFunctions()
  t.is(recorder.hits, 1)
  t.deepEqual(
    [8, 32, 64, 32].map((bits, i) => BigInt.asUintN(bits, recorder.value(i))),
    [4n, 5n, 6n, 15n],
  )
})

kernelTest('fmod_ret decides what the function returns', trampoline, t => {
  const before = getPriority()
  using recorder = new Recorder()
  using program = load(recorder, 'modify_return', 'security_task_setnice', {
    values: [argument(1), argument(2)],
    returns: [mov(r0, -EPERM)],
  })
  using link = fmodRet(program)
  t.throws(() => setPriority(before + 1), { message: /EPERM|EACCES/ })
  t.is(getPriority(), before)
  t.is(recorder.hits, 1)
  t.deepEqual(
    [0, 1].map(i => BigInt.asIntN(32, recorder.value(i))),
    [BigInt(before + 1), 0n],
  )
  link.close()
  setPriority(before)
  t.is(recorder.hits, 1)
})

kernelTest('programs at one function run in turn: entry, return value, return', trampoline, t => {
  using recorder = new Recorder()
  const before = getPriority()
  const target = 'security_task_setnice'
  const [first, second, third] = [1, 2, 3].map(n => ({ counter: [mov(r0, n)] }))
  using entry = load(recorder, 'trace_fentry', target, first)
  using middle = load(recorder, 'modify_return', target, second)
  using exit = load(recorder, 'trace_fexit', target, third)
  using _exit = fexit(exit)
  using _entry = fentry(entry)
  using _middle = fmodRet(middle)
  setPriority(before)
  t.deepEqual(recorder.counts.slice(0, 5), [0, 1, 1, 1, 0])
})

kernelTest('links have cookies', [...trampoline, features.tracingLink], t => {
  using recorder = new Recorder()
  using entry = load(recorder, 'trace_fentry', 'bpf_fentry_test1', { counter: attachCookie })
  using exit = load(recorder, 'trace_fexit', 'bpf_fentry_test1', { counter: attachCookie })
  using middle = load(recorder, 'modify_return', 'security_task_setnice', { counter: attachCookie })
  using _entry = fentry(entry, { cookie: 3n })
  using _exit = fexit(exit, { cookie: 0xffff_ffff_ffff_fff5n })
  using _middle = fmodRet(middle, { cookie: 7n })
  callTestFunctions()
  setPriority(getPriority())
  t.deepEqual([recorder.counts[3], recorder.counts[5], recorder.counts[7]], [1, 1, 1])
})

kernelTest(
  'helpers return the arguments and the address of the function',
  [...trampoline, functionArguments],
  t => {
    using recorder = new Recorder()
    using program = load(recorder, 'trace_fentry', 'bpf_fentry_test2', {
      values: [functionArgument(0), functionArgument(1), functionAddress],
    })
    using _link = fentry(program)
    callTestFunctions()
    t.deepEqual([BigInt.asUintN(32, recorder.value(0)), recorder.value(1)], [2n, 3n])
    t.not(recorder.value(2), 0n)
  },
)

for (const [kind, attachType, attach, runs] of [
  ['fentry', 'trace_fentry', fentry, 1],
  ['fexit', 'trace_fexit', fexit, 1],
  ['fsession', 'trace_fsession', fsession, 2],
] as const) {
  const needs = [...trampoline, sleepableFunctions, ...(kind === 'fsession' ? [features.fsession] : [])]
  kernelTest(`a sleepable program of ${kind} reads memory of the process`, needs, t => {
    using recorder = new Recorder()
    const readNull = [mov(r1, r10), add(r1, -8), mov(r2, 8), mov(r3, 0), call('copy_from_user')]
    const spec = { flags: BPF_F_SLEEPABLE }
    using program = load(recorder, attachType, 'bpf_fentry_test1', { values: [readNull] }, spec)
    using _link = attach(program)
    callTestFunctions()
    t.is(recorder.hits, runs)
    t.is(BigInt.asIntN(64, recorder.value(0)), -14n, 'EFAULT')
  })
}

kernelTest('a session runs at entry and return', [...trampoline, features.fsession, 'bpftool'], t => {
  using recorder = new Recorder()
  const isReturn = [mov(r1, r6), callKfunc(kernelBtf().find('bpf_session_is_return', 'func')!)]
  using program = load(recorder, 'trace_fsession', 'bpf_fentry_test3', { counter: isReturn })
  using link = fsession(program, { cookie: 5n })
  callTestFunctions()
  t.deepEqual(recorder.counts.slice(0, 2), [1, 1])
  const info = link.info() as TracingLinkInfo
  t.like(info, { type: 'tracing', attachType: 'trace_fsession', cookie: 5n })
  const { id, programId, targetObjectId, targetBtfId } = info
  t.like(bpftoolLink(id), {
    type: 'tracing',
    prog_id: programId,
    target_obj_id: targetObjectId,
    target_btf_id: targetBtfId,
  })
})

for (const target of ['dummy:dummy_setup', 'dummy_setup']) {
  kernelTest(`a function of a module: ${target}`, [...trampoline, features.moduleBtf, 'net_admin'], t => {
    const run = (...args: string[]): void => {
      const { status, stderr } = spawnSync(args[0]!, args.slice(1), { encoding: 'utf8' })
      t.is(status, 0, `${args.join(' ')}: ${stderr}`)
    }
    run('modprobe', 'dummy', 'numdummies=0')
    using recorder = new Recorder()
    using program = load(recorder, 'trace_fentry', target)
    using link = fentry(program)
    run('ip', 'link', 'add', 'ebpf_ts0', 'type', 'dummy')
    run('ip', 'link', 'del', 'ebpf_ts0')
    t.is(recorder.hits, 1)
    const { targetObjectId, targetBtfId } = link.info() as TracingLinkInfo
    if (targetInTracingInfo.probe() === 'yes') {
      using btf = BtfObject.fromId(targetObjectId)
      t.is(btf.name, 'dummy')
      t.like(btf.types().type(targetBtfId), { kind: 'func', name: 'dummy_setup' })
    }
  })
}

for (const [kind, attachType, attach] of [
  ['fentry', 'trace_fentry', fentry],
  ['fexit', 'trace_fexit', fexit],
] as const) {
  kernelTest(`${kind} attaches to a function of another program`, trampoline, t => {
    using target = loadObject('functions', ['third'])
    const third = target.programs.get('third')
    using recorder = new Recorder()
    const recording = { values: attachType === 'trace_fexit' ? [argument(0), argument(1)] : [argument(0)] }
    using program = load(recorder, attachType, 'times_two', recording, { attachProgram: third })
    using link = attach(program)
    t.is(runOnce(third), 14)
    t.is(recorder.hits, 1)
    t.is(BigInt.asUintN(32, recorder.value(0)), 2n)
    if (attachType === 'trace_fexit') t.is(BigInt.asUintN(32, recorder.value(1)), 10n)
    if (targetInTracingInfo.probe() === 'yes') t.like(link.info(), { targetObjectId: third.info().id })
    link.close()
    t.is(runOnce(third), 14)
    t.is(recorder.hits, 1)
  })
}

kernelTest('fentry attaches to the main function of another program', trampoline, t => {
  using target = loadObject('functions', ['first'])
  const first = target.programs.get('first')
  using recorder = new Recorder()
  using program = load(recorder, 'trace_fentry', 'first', {}, { attachProgram: first })
  using _link = fentry(program)
  t.is(runOnce(first), 1)
  t.is(recorder.hits, 1)
})

kernelTest('the target of a spec is set before it is loaded', trampoline, t => {
  const spec = objectWith('sections', ['on_fentry', 'on_fexit'])
  for (const name of ['on_fentry', 'on_fexit']) spec.programs.get(name).attachTarget = 'bpf_fentry_test1'
  using collection = Collection.load(spec)
  using attachments = collection.attach()
  t.is(attachments.programs.length, 2)
  callTestFunctions()
  const hits = collection.variables.get('hits').get() as bigint[]
  t.deepEqual(
    hits.flatMap((count, hook) => (count === 0n ? [] : [[hook, count]])),
    [
      [HOOK_FENTRY, 1n],
      [HOOK_FEXIT, 1n],
    ],
  )
})

/** Numbers of the hooks in `sections.bpf.c`. */
const HOOK_FENTRY = 7
const HOOK_FEXIT = 8

kernelTest('info names program and target, as bpftool shows them', [...trampoline, 'bpftool'], t => {
  using recorder = new Recorder()
  using program = load(recorder, 'trace_fexit', 'bpf_fentry_test1')
  using link = fexit(program)
  const info = link.info()
  t.like(info, { type: 'tracing', programId: program.info().id, attachType: 'trace_fexit' })
  const { id, programId, attachType, targetObjectId, targetBtfId } = info as TracingLinkInfo
  t.like(shown(link), {
    id,
    type: 'tracing',
    prog_id: programId,
    prog_type: 'tracing',
    attach_type: attachType,
  })
  if (targetInTracingInfo.probe() === 'no') return
  t.like(shown(link), { target_obj_id: targetObjectId, target_btf_id: targetBtfId })
  t.is(targetBtfId, kernelBtf().find('bpf_fentry_test1', 'func')!)
  using btf = BtfObject.fromId(targetObjectId)
  t.is(btf.name, 'vmlinux')
})

kernelTest('info has the cookie', [...trampoline, cookieInInfo], t => {
  using recorder = new Recorder()
  using program = load(recorder, 'trace_fentry', 'bpf_fentry_test1')
  using link = fentry(program, { cookie: 0x1234_5678_9abc_def0n })
  t.is((link.info() as TracingLinkInfo).cookie, 0x1234_5678_9abc_def0n)
})

kernelTest('a link is neither updated nor detached', trampoline, t => {
  using recorder = new Recorder()
  using program = load(recorder, 'trace_fentry', 'bpf_fentry_test1')
  using link = fentry(program)
  const not = (action: string): RegExp =>
    new RegExp(`^${action} links of type tracing is not supported by this kernel; close it`)
  t.throws(() => link.update(program), { code: 'ERR_NOT_SUPPORTED', message: not('Updating') })
  t.throws(() => link.detach(), { code: 'ERR_NOT_SUPPORTED', message: not('Detaching') })
  callTestFunctions()
  t.is(recorder.hits, 1)
})

kernelTest('a pinned link is opened and listed', trampoline, async t => {
  using recorder = new Recorder()
  using bpffs = temporaryBpffs()
  using program = load(recorder, 'trace_fentry', 'bpf_fentry_test1')
  using link = fentry(program)
  const { id } = link.info()
  const path = `${bpffs.path}/link`
  link.pin(path)
  link.close()
  program.close()
  callTestFunctions()
  t.is(recorder.hits, 1)
  t.true(linkIds().includes(id))
  using opened = Link.loadPinned(path)
  t.is(opened.info().id, id)
  opened.unpin(path)
  opened.close()
  t.true(await comesToRest(recorder))
})

function linkIds(): number[] {
  const ids: number[] = []
  for (const link of Link.list()) {
    using each = link
    ids.push(each.info().id)
  }
  return ids
}

kernelTest('programs and links are closed in every order', trampoline, t => {
  for (const order of permutations([0, 1, 2, 3])) {
    using recorder = new Recorder()
    const entry = load(recorder, 'trace_fentry', 'bpf_fentry_test1')
    const exit = load(recorder, 'trace_fexit', 'bpf_fentry_test1')
    const links = [fentry(entry), fexit(exit)]
    const closables = [...links, entry, exit]
    for (const index of order) {
      closables[index]!.close()
      recorder.reset()
      callTestFunctions()
      t.is(recorder.hits, links.filter(({ closed }) => !closed).length, `${order}: ${index}`)
    }
  }
})

function permutations(list: readonly number[]): number[][] {
  if (list.length === 0) return [[]]
  return list.flatMap(first =>
    permutations(list.filter(each => each !== first)).map(rest => [first, ...rest]),
  )
}

kernelTest('a process that is killed leaves nothing attached', trampoline, async t => {
  await leavesNothing(t, 'fentry')
})

kernelTest('a process that is killed leaves no kprobe_multi attached', [features.kprobeMulti], async t => {
  await leavesNothing(t, 'kprobe-multi')
})

async function leavesNothing(t: ExecutionContext, kind: string): Promise<void> {
  const victim = await summon(kind)
  t.true(linkIds().includes(victim.linkId))
  await victim.kill()
  t.true(await eventually(() => !linkIds().includes(victim.linkId)))
}
