import { getPriority } from 'node:os'
import { features } from '../../../src/kernel/probes/features.ts'
import { kretsyscall, ksyscall, syscallFunction } from '../../../src/links/hooks/kernel-probes/ksyscall.ts'
import { listProbeEvents } from '../../../src/links/hooks/perf-event/probe-event.ts'
import { bpftoolPerf } from '../../support/bpftool.ts'
import { ProbeProgram } from '../../support/links/probe-programs.ts'
import { probeTest } from '../../support/links/probe-test.ts'

const { kprobe: kprobes, perfEventLink } = features

/** A system call that nothing makes but `os.getPriority(pid)`: `getpriority(PRIO_PROCESS, pid)`. */
const SYSCALL = 'getpriority'
const WRAPPER = process.arch === 'arm64' ? '__arm64_sys_getpriority' : '__x64_sys_getpriority'

probeTest('the wrapper of a system call is found', [kprobes], t => {
  t.is(syscallFunction(SYSCALL), WRAPPER)
  t.throws(() => syscallFunction('no_such_call'), {
    code: 'ENOENT',
    message:
      /^The kernel has no system call no_such_call: its function __\w+_sys_no_such_call does not exist$/,
  })
  t.throws(() => syscallFunction('../etc'), { instanceOf: TypeError })
})

for (const mode of ['link', 'perf', 'legacy'] as const) {
  const needs = mode === 'link' ? [kprobes, perfEventLink, 'bpftool' as const] : [kprobes, 'bpftool' as const]
  probeTest(`mode ${mode}: entry and return of a system call`, needs, t => {
    using entered = new ProbeProgram({ value: { syscallArgument: 1 } })
    using returned = new ProbeProgram({ value: 'returned' })
    using entry = ksyscall(entered.program, SYSCALL, { mode })
    using end = kretsyscall(returned.program, SYSCALL, { mode })
    const nice = getPriority(process.pid)
    t.deepEqual(entered.seen, { runs: 1, value: BigInt(process.pid), cookie: 0n })
    // The kernel returns no negative priority: glibc turns it round.
    t.deepEqual(returned.seen, { runs: 1, value: BigInt(20 - nice), cookie: 0n })
    t.like(entry.info(), { event: { type: 'kprobe', function: WRAPPER, offset: 0 } })
    t.like(end.info(), { event: { type: 'kretprobe', function: WRAPPER } })
    const place = { func: WRAPPER, offset: 0 }
    t.deepEqual(
      bpftoolPerf(),
      [entry, end].map((link, i) => ({
        prog_id: link.info().programId,
        fd_type: ['kprobe', 'kretprobe'][i],
        ...place,
      })),
    )
    entry.close()
    end.close()
    getPriority(process.pid)
    t.deepEqual([entered.seen.runs, returned.seen.runs], [1, 1])
  })
}

probeTest('options of kprobes are passed on', [kprobes], t => {
  using probe = new ProbeProgram()
  using link = kretsyscall(probe.program, SYSCALL, { maxactive: 5 })
  t.is(listProbeEvents(`ebpf_ts_${process.pid}`).length, 1)
  getPriority(process.pid)
  t.is(probe.seen.runs, 1)
  link.close()
})

probeTest('a cookie of a system call', [kprobes, perfEventLink], t => {
  using probe = new ProbeProgram({ cookie: true })
  using link = ksyscall(probe.program, SYSCALL, { cookie: 42n })
  getPriority(process.pid)
  t.is(probe.seen.cookie, 42n)
  link.close()
})
