import { BPF_F_SLEEPABLE } from '../../../src/abi/constants.ts'
import { mov } from '../../../src/asm/alu.ts'
import { callKfunc } from '../../../src/asm/calls.ts'
import { r1, r6 } from '../../../src/asm/registers.ts'
import { kernelBtf, kernelFunctionId } from '../../../src/kernel/btf.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { attachBySection } from '../../../src/links/by-section.ts'
import { fentryMulti, fexitMulti, fsessionMulti } from '../../../src/links/hooks/tracing/tracing-multi.ts'
import { TracingMultiLink } from '../../../src/links/hooks/tracing/tracing-multi-link.ts'
import { Link } from '../../../src/links/link.ts'
import type { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { duplicateFd } from '../../../src/syscalls/descriptor.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftoolLink } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import {
  attachCookie,
  callTestFunctions,
  functionArgument,
  Recorder,
  type Recording,
  TEST_FUNCTIONS,
} from '../../support/links/recorder.ts'

const needs = [features.tracingMulti]

/** Loads a program for many functions. */
function load(
  recorder: Recorder,
  kind: 'fentry' | 'fexit' | 'fsession',
  recording: Recording = {},
  spec: Partial<ProgramSpec> = {},
): Program {
  return recorder.load({ type: 'tracing', expectedAttachType: `trace_${kind}_multi`, ...spec }, recording)
}

kernelTest('one program sees each call of the functions that match, until it is closed', needs, t => {
  using recorder = new Recorder()
  // The first argument of each of these is another number: 1, 2, 7, 11.
  using program = load(recorder, 'fentry', { counter: functionArgument(0) })
  using link = fentryMulti(program, { pattern: 'bpf_fentry_test?' })
  t.true(link.count >= 8, `${link.count} functions`)
  const before = recorder.counts
  callTestFunctions()
  const counts = recorder.counts.map((count, i) => count - before[i]!)
  t.deepEqual([counts[1], counts[2], counts[7], counts[11]], [1, 1, 1, 1])
  link.close()
  recorder.reset()
  callTestFunctions()
  t.deepEqual(new Set(recorder.counts), new Set([0]))
})

kernelTest('each function has a cookie, by names or by ids', needs, t => {
  const symbols = ['bpf_fentry_test3', 'bpf_fentry_test1', 'vmlinux:bpf_fentry_test2']
  const ids = ['bpf_fentry_test3', 'bpf_fentry_test1', 'bpf_fentry_test2'].map(
    each => kernelFunctionId(each)!,
  )
  for (const options of [{ symbols }, { ids }]) {
    using recorder = new Recorder()
    using program = load(recorder, 'fentry', { counter: attachCookie })
    using link = fentryMulti(program, { ...options, cookies: [3n, 5n, 0xffff_ffff_ffff_fff9n] })
    callTestFunctions()
    t.deepEqual([recorder.counts[3], recorder.counts[5], recorder.counts[9]], [1, 1, 1])
    const info = link.info()
    t.like(info, { type: 'tracing_multi', attachType: 'trace_fentry_multi', count: 3, programId: program.id })
    // The kernel sorts them.
    const shown = new Map(info.targets.map(each => [each.function, each]))
    t.like(shown.get('bpf_fentry_test3'), { btfId: ids[0]!, cookie: 3n })
    t.like(shown.get('bpf_fentry_test1'), { btfId: ids[1]!, cookie: 5n })
    t.like(shown.get('bpf_fentry_test2'), { btfId: ids[2]!, cookie: 0xffff_ffff_ffff_fff9n })
  }
})

kernelTest('programs run at the return of functions, and at both', needs, t => {
  using recorder = new Recorder()
  using atReturn = load(recorder, 'fexit', { values: [functionArgument(0)] })
  using _return = fexitMulti(atReturn, { symbols: ['bpf_fentry_test1', 'bpf_fentry_test5'] })
  callTestFunctions()
  t.is(recorder.hits, 2)
  t.is(BigInt.asUintN(8, recorder.value(0)), 11n)

  using sessions = new Recorder()
  const isReturn = [mov(r1, r6), callKfunc(kernelBtf().find('bpf_session_is_return', 'func')!)]
  using session = load(sessions, 'fsession', { counter: isReturn })
  using _session = fsessionMulti(session, { symbols: TEST_FUNCTIONS.slice(0, 3) })
  callTestFunctions()
  t.deepEqual(sessions.counts.slice(0, 2), [3, 3])
})

kernelTest('programs that may sleep are attached where they may', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder, 'fentry', {}, { flags: BPF_F_SLEEPABLE })
  using link = fentryMulti(program, { pattern: /vfs_read|bpf_fentry_test1/ })
  t.is(link.count, 1)
  t.deepEqual(link.rejected, [{ name: 'vfs_read', reason: 'refused' }])
  callTestFunctions()
  t.is(recorder.hits, 1)
  t.throws(() => fentryMulti(program, { symbols: ['bpf_fentry_test1', 'vfs_read'] }), {
    code: 'EINVAL',
    message: /: programs at vfs_read may not sleep \(one of 2 functions\)$/,
  })
  t.throws(() => fentryMulti(program, { pattern: 'vfs_read' }), {
    code: 'EINVAL',
    message: /: programs at vfs_read may not sleep$/,
  })
})

kernelTest('what matches and cannot be attached to is left out, with the reason', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder, 'fentry')
  using link = fentryMulti(program, { pattern: /bpf_fentry_test[12]|ftrace_stub|__rcu_read_lock/ })
  t.is(link.count, 2)
  t.deepEqual(link.rejected.map(({ name }) => name).sort(), ['__rcu_read_lock', 'ftrace_stub'])
  callTestFunctions()
  t.is(recorder.hits, 2)
  const none = t.throws(() => fentryMulti(program, { pattern: 'ftrace_stub' }), { code: 'ENOENT' })
  t.regex(none.message, /: 1 match but none can be attached to, such as ftrace_stub \(notrace\)/)
  t.throws(() => fentryMulti(program, { pattern: 'ebpf_ts_no_*' }), {
    code: 'ENOENT',
    message: /: no function matches ebpf_ts_no_\*$/,
  })
})

kernelTest('a section name attaches to what matches its pattern', [...needs, 'bpftool'], t => {
  for (const [section, kind, pattern] of [
    ['fentry.multi/bpf_fentry_test*', 'fentry', 'bpf_fentry_test*'],
    ['fexit.multi.s/vmlinux:bpf_fentry_test1', 'fexit', 'vmlinux:bpf_fentry_test1'],
    ['fsession.multi/bpf_fentry_test?', 'fsession', 'bpf_fentry_test?'],
  ] as const) {
    using recorder = new Recorder()
    using program = load(recorder, kind, {}, { sectionName: section, attachTarget: pattern })
    const attached = attachBySection(program)
    if ('reason' in attached) throw attached.reason
    using link = attached.link as TracingMultiLink
    t.regex(attached.target, new RegExp(`of ${link.count} functions bpf_fentry_test|of 1 functions vmlinux`))
    t.like(bpftoolLink(link.id), { prog_id: program.id })
    callTestFunctions()
    t.true(recorder.hits >= 1)
  }
})

kernelTest('a link that is opened again knows its functions', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder, 'fentry')
  using link = fentryMulti(program, { symbols: TEST_FUNCTIONS.slice(0, 2) })
  using bpffs = temporaryBpffs()
  link.pin(`${bpffs.path}/link`)
  for (const open of [
    () => Link.fromFd(duplicateFd(syscallEntry(), link.fd)),
    () => Link.fromId(link.id),
    () => Link.loadPinned(`${bpffs.path}/link`),
  ]) {
    using opened = open() as TracingMultiLink
    t.is(opened.constructor, TracingMultiLink)
    t.is(opened.count, 2)
    t.deepEqual(
      opened
        .info()
        .targets.map(each => each.function)
        .sort(),
      TEST_FUNCTIONS.slice(0, 2),
    )
    t.throws(() => opened.update(program), { code: 'ERR_NOT_SUPPORTED' })
    t.throws(() => opened.detach(), { code: 'ERR_NOT_SUPPORTED' })
  }
})

kernelTest('what cannot be attached is refused with the reason', needs, t => {
  using recorder = new Recorder()
  using program = load(recorder, 'fentry')
  const one = ['bpf_fentry_test1']
  const refused = (
    options: Parameters<typeof fentryMulti>[1],
    code: string | undefined,
    message: RegExp,
  ): void => {
    t.throws(() => fentryMulti(program, options), { message, ...(code === undefined ? {} : { code }) })
  }
  refused(
    { symbols: ['ebpf_ts_no_such'] },
    'ENOENT',
    /the kernel's BTF has no func ebpf_ts_no_such: the kernel has no/,
  )
  refused(
    { symbols: ['nf_no_module:f'] },
    'ERR_INVALID_SPEC',
    /loaded for functions of the kernel itself, not of module nf_no_module/,
  )
  refused({ pattern: 'nf_no_module:*' }, 'ERR_INVALID_SPEC', /load it with attachTarget 'nf_no_module:\*'$/)
  refused(
    { ids: [kernelBtf().find('task_struct', 'struct')!] },
    'ENOENT',
    /is not the id of a function in the kernel's BTF$/,
  )
  refused({ ids: [99_999_999] }, 'ENOENT', /99999999 is not the id of a function/)
  refused({ ids: [-1] }, 'ENOENT', /-1 is not the id/)
  refused({ symbols: [...one, ...one] }, undefined, /bpf_fentry_test1 is given twice$/)
  refused({ symbols: [] }, undefined, /the list is empty$/)
  refused({ symbols: one, pattern: 'x' }, undefined, /give one of symbols, ids and pattern$/)
  refused({ pattern: 'bpf_*', cookies: [1n] }, undefined, /cookies need symbols or ids, not a pattern$/)
  refused({ symbols: one, cookies: [] }, undefined, /0 cookies for 1 functions$/)
  refused({ symbols: one, cookies: [-1n] }, undefined, /cookie -1 is not an unsigned 64-bit number$/)
  refused(
    { symbols: ['ftrace_stub', ...one] },
    'ENOENT',
    /ftrace_stub cannot be traced: .* \(one of 2 functions\)$/,
  )
  t.throws(() => fexitMulti(program, { symbols: one }), {
    code: 'ERR_ATTACH_TYPE',
    message: /it must be loaded with expectedAttachType 'trace_fexit_multi', not with 'trace_fentry_multi'$/,
  })
  using _link = fentryMulti(program, { symbols: one })
  refused({ symbols: one }, 'EBUSY', /the program is attached to one of them already$/)
})
