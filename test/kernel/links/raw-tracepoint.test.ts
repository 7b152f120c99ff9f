import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { load, store } from '../../../src/asm/memory.ts'
import { r0, r1, r6 } from '../../../src/asm/registers.ts'
import { E2BIG } from '../../../src/base/errno.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { rawTracepoint } from '../../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { tpBtf } from '../../../src/links/hooks/kernel-probes/tp-btf.ts'
import { tracepoint } from '../../../src/links/hooks/kernel-probes/tracepoint.ts'
import { fentry } from '../../../src/links/hooks/tracing/fentry.ts'
import type { RawTracepointLinkInfo } from '../../../src/links/info.ts'
import { taskFdQuery } from '../../../src/links/task-fd-query.ts'
import { Program } from '../../../src/programs/program.ts'
import { bpftoolLink, bpftoolPerf } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { attachCookie, Recorder } from '../../support/links/recorder.ts'
import { PACKET } from '../../support/objects.ts'
import { eventually } from '../../support/poll.ts'
import { lacking, since } from '../../support/programs/features.ts'

const cookieInInfo = since('6.18', 'The cookie in the info of a raw tracepoint')

/** A tracepoint that only test runs of network programs reach, with a pointer to their result. */
const TEST_RUN = 'bpf_test_finish'

/** A network program; returns what became of its test run. */
function testRun(): string {
  using program = Program.load({ type: 'socket_filter', instructions: [mov(r0, 0), exit()] })
  try {
    program.testRun({ data: PACKET })
    return 'done'
  } catch (error) {
    return (error as { code: string }).code
  }
}

/** A program that writes a number where its first argument points to, and returns. */
const writer = (offset: number, value: number): Program =>
  Program.load({
    name: 'writer',
    type: 'raw_tracepoint_writable',
    license: 'GPL',
    instructions: [load('u64', r6, r1, 0), store('u32', r6, offset, value), mov(r0, 0), exit()],
  })

kernelTest('a raw tracepoint is hit once per call', ['bpftool'], t => {
  using recorder = new Recorder()
  using program = recorder.load({ type: 'raw_tracepoint' })
  using link = rawTracepoint(program, TEST_RUN)
  t.is(testRun(), 'done')
  t.is(recorder.hits, 1)
  const info = link.info()
  t.like(info, { type: 'raw_tracepoint', tracepoint: TEST_RUN, programId: program.info().id })
  t.like(bpftoolLink(info.id), { type: 'raw_tracepoint', tp_name: TEST_RUN, prog_id: info.programId })
  t.like(taskFdQuery(link.fd), { programId: info.programId, kind: 'raw_tracepoint', name: TEST_RUN })
  t.deepEqual(bpftoolPerf(), [{ prog_id: info.programId, fd_type: 'raw_tracepoint', tracepoint: TEST_RUN }])
  link.close()
  t.is(testRun(), 'done')
  t.is(recorder.hits, 1)
})

kernelTest('a writable raw tracepoint changes what its caller goes on with', [], t => {
  using program = writer(0, -E2BIG)
  using link = rawTracepoint(program, TEST_RUN)
  t.is(testRun(), 'E2BIG')
  link.close()
  t.is(testRun(), 'done')
})

kernelTest('a program that writes more than the tracepoint lets it is refused', [], t => {
  using program = writer(4, 0)
  t.throws(() => rawTracepoint(program, TEST_RUN), {
    code: 'EINVAL',
    message: /: the tracepoint is not writable, or the program writes beyond what is$/,
  })
})

kernelTest('the error for a program of another type names the right one', [], t => {
  using program = Program.load({ name: 'p', type: 'socket_filter', instructions: [mov(r0, 0), exit()] })
  t.throws(() => rawTracepoint(program, TEST_RUN), {
    code: 'ERR_PROGRAM_TYPE',
    message:
      /: the program is of type socket_filter, and the hook raw_tracepoint takes raw_tracepoint or raw_tracepoint_writable$/,
  })
  // Of a program that was opened by id it is not known what it was loaded for: the kernel says the type.
  using unknown = Program.fromId(program.info().id)
  t.throws(() => tpBtf(unknown), {
    code: 'EINVAL',
    message: /: the program is of type socket_filter, and trace_raw_tp takes tracing$/,
  })
})

kernelTest('a cookie beyond 64 bits is refused, not cut', [], t => {
  using program = Program.load({ name: 'p', type: 'raw_tracepoint', instructions: [mov(r0, 0), exit()] })
  for (const cookie of [-1n, 1n << 64n]) {
    t.throws(() => rawTracepoint(program, TEST_RUN, { cookie }), {
      instanceOf: RangeError,
      message: `Cannot attach program p to raw tracepoint ${TEST_RUN}: cookie ${cookie} is not an unsigned 64-bit number`,
    })
  }
  // Nothing of it depends on the kernel: only that it was loaded for the hook.
  const handle = { fd: program.fd, name: 'p' }
  for (const attach of [fentry, tpBtf]) {
    t.throws(() => attach(handle, { cookie: 1n << 64n }), {
      instanceOf: RangeError,
      message: /^Cannot attach program p /,
    })
  }
})

kernelTest('cookies of raw tracepoints', [features.rawTracepointCookie], t => {
  using recorder = new Recorder()
  using program = recorder.load({ type: 'raw_tracepoint' }, { counter: attachCookie })
  using link = rawTracepoint(program, TEST_RUN, { cookie: 0xffff_ffff_ffff_fff6n })
  testRun()
  t.is(recorder.counts[6], 1)
  if (cookieInInfo.probe() === 'yes') {
    t.is((link.info() as RawTracepointLinkInfo).cookie, 0xffff_ffff_ffff_fff6n)
  }
})

kernelTest('cookies of typed tracepoints', [features.rawTracepointCookie], t => {
  using recorder = new Recorder()
  const target = { expectedAttachType: 'trace_raw_tp', attachTarget: TEST_RUN } as const
  using program = recorder.load({ type: 'tracing', ...target }, { counter: attachCookie })
  using link = tpBtf(program, { cookie: 7n })
  testRun()
  t.is(recorder.counts[7], 1)
  t.like(link.info(), { type: 'raw_tracepoint', tracepoint: TEST_RUN })
})

kernelTest('a cookie that the kernel cannot keep', [lacking(features.rawTracepointCookie)], t => {
  using recorder = new Recorder()
  using program = recorder.load({ type: 'raw_tracepoint' })
  t.throws(() => rawTracepoint(program, TEST_RUN, { cookie: 1n }), {
    code: 'ERR_NOT_SUPPORTED',
    message: /with a cookie is not supported by this kernel \(needs Linux 6\.10 or later\)$/,
  })
})

kernelTest('cookies of tracepoints', [features.perfEventLink, 'tracefs'], async t => {
  using recorder = new Recorder()
  using program = recorder.load({ type: 'tracepoint' }, { counter: attachCookie })
  using link = tracepoint(program, 'sched', 'sched_switch', { cookie: 8n })
  // Waiting gives the processor to another task.
  t.true(await eventually(() => recorder.counts[8]! >= 1))
  link.close()
  t.is(
    recorder.counts.reduce((sum, each) => sum + each),
    recorder.counts[8]!,
  )
})
