import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { BpfError } from '../../../src/base/errors.ts'
import { onlineCpus } from '../../../src/kernel/cpus.ts'
import { kernelConfig } from '../../../src/kernel/kconfig.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { attachBySection } from '../../../src/links/by-section.ts'
import { perfEvent } from '../../../src/links/hooks/perf-event/perf-event.ts'
import { bpftoolLink } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { PerfEventRecorder } from '../../support/links/perf-event-recorder.ts'
import { loadObject } from '../../support/objects.ts'
import { eventually } from '../../support/poll.ts'
import { countFds } from '../../support/readers/ring-setup.ts'
import { cgroup2Path } from '../../support/requirements.ts'
import { ownName } from '../../support/stale.ts'

/** A process that does nothing but compute, until it is ended, or the test. */
function busy(t: ExecutionContext, script = 'while :; do :; done'): ChildProcess & { pid: number } {
  const child = spawn('sh', ['-c', script], { stdio: 'ignore', detached: true })
  t.teardown(() => end(child))
  return child as ChildProcess & { pid: number }
}

/** Ends such a process, and what it has started. */
function end(child: ChildProcess): void {
  if (child.signalCode === null && child.exitCode === null) process.kill(-child.pid!, 'SIGKILL')
}

kernelTest('a program runs so often a second on every CPU', [], async t => {
  using recorder = new PerfEventRecorder()
  using link = perfEvent(recorder.program, { event: 'cpu-clock', frequency: 499 })
  t.deepEqual(link.cpus, onlineCpus())
  t.is(link.links.length, link.cpus.length)
  for (const cpu of link.cpus) {
    // An idle CPU may sleep through its events.
    const child = busy(t)
    t.true(await eventually(() => recorder.count(each => each.cpu === cpu || each.pid === child.pid) > 10))
    end(child)
  }
  link.close()
  link.close()
  t.true(link.closed)
  const before = recorder.count()
  t.is(recorder.count(), before, 'it runs no longer')
  t.throws(() => link.refresh(), { code: 'ERR_CLOSED' })
})

kernelTest('an event says what it is', ['bpftool'], t => {
  using recorder = new PerfEventRecorder()
  using link = perfEvent(recorder.program, { type: 'software', config: 3, period: 1000 })
  for (const each of link.links) {
    const info = each.info()
    t.like(info, { type: 'perf_event', event: { type: 'event', eventType: 1, config: 3n, cookie: 0n } })
    if (info.id !== 0)
      t.like(bpftoolLink(info.id), { type: 'perf_event', prog_id: recorder.program.info().id })
  }
})

kernelTest('only some CPUs, and by occurrences', [], async t => {
  using recorder = new PerfEventRecorder()
  const cpu = onlineCpus().at(-1)!
  using link = perfEvent(recorder.program, { event: 'context-switches', period: 1n, cpu })
  t.deepEqual(link.cpus, [cpu])
  t.true(await eventually(() => recorder.count() > 5))
  t.deepEqual([...new Set(recorder.hits.map(each => each.cpu))], [cpu])
})

kernelTest('only one process, with threads and processes that it starts later', [], async t => {
  using recorder = new PerfEventRecorder()
  const child = busy(t, 'while :; do (i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done) & wait; done')
  using link = perfEvent(recorder.program, { event: 'cpu-clock', period: 1_000_000, pid: child.pid })
  t.deepEqual(link.cpus, [])
  t.true(await eventually(() => recorder.count(({ pid }) => pid !== child.pid) > 20))
  t.is(
    recorder.count(({ pid }) => pid === process.pid),
    0,
  )
  link.close()
  recorder.clear()
  using alone = perfEvent(recorder.program, {
    event: 'task-clock',
    period: 1_000_000,
    pid: child.pid,
    inherit: false,
  })
  t.is(alone.links.length, 1)
  const other = busy(t)
  using second = perfEvent(recorder.program, {
    event: 'cpu-clock',
    frequency: 999,
    pid: other.pid,
    inherit: false,
  })
  t.is(second.links.length, 1)
  t.true(await eventually(() => recorder.count(({ pid }) => pid === other.pid) > 10))
  t.is(
    recorder.count(({ pid }) => pid !== other.pid && pid !== child.pid),
    0,
  )
})

kernelTest('all threads of a process that runs already', [], async t => {
  using recorder = new PerfEventRecorder()
  // This process has threads of Node.js and V8.
  using link = perfEvent(recorder.program, { event: 'cpu-clock', frequency: 997, pid: process.pid })
  t.true(link.links.length > 1)
  for (let i = 0, end = performance.now() + 50; performance.now() < end; i++) Math.sqrt(i)
  t.true(
    await eventually(() => {
      for (let i = 0, end = performance.now() + 50; performance.now() < end; i++) Math.sqrt(i)
      return recorder.count() > 5
    }),
  )
  t.deepEqual([...new Set(recorder.hits.map(({ pid }) => pid))], [process.pid])
})

kernelTest('only the processes of a control group', ['cgroup2'], async t => {
  using recorder = new PerfEventRecorder()
  const root = cgroup2Path()!
  // Nothing has given the children of the root their controllers there.
  if (existsSync('.guest')) writeFileSync(join(root, 'cgroup.subtree_control'), '+cpu')
  const path = join(root, ownName())
  mkdirSync(path)
  t.teardown(async () => {
    await eventually(() => readFileSync(join(path, 'cgroup.procs'), 'utf8') === '')
    rmdirSync(path)
  })
  const inside = busy(t)
  busy(t)
  writeFileSync(join(path, 'cgroup.procs'), String(inside.pid))
  const options = { event: 'cpu-clock', frequency: 499, cgroup: path }
  if (!hasCgroups()) {
    t.throws(() => perfEvent(recorder.program, options), {
      instanceOf: BpfError,
      message: /built without CONFIG_CGROUP_PERF$/,
    })
    return
  }
  using link = perfEvent(recorder.program, options)
  t.true(await eventually(() => recorder.count(({ pid }) => pid === inside.pid) > 10))
  t.deepEqual([...new Set(recorder.hits.map(({ pid }) => pid))], [inside.pid])
  // Its events stand still while it runs nothing there, and stay.
  const { links } = link
  link.refresh()
  t.deepEqual([...link.links], [...links])
})

/** Whether the kernel has control groups of perf events; it does where it does not say. */
function hasCgroups(): boolean {
  try {
    return kernelConfig().get('CONFIG_CGROUP_PERF') === 'y'
  } catch {
    return true
  }
}

kernelTest('a CPU goes offline and comes back', ['guest'], async t => {
  const setOnline = (online: boolean): void =>
    writeFileSync('/sys/devices/system/cpu/cpu1/online', online ? '1' : '0')
  using recorder = new PerfEventRecorder()
  using link = perfEvent(recorder.program, { event: 'cpu-clock', frequency: 499 })
  recorder.program.close()
  const runsOn1 = async (): Promise<boolean> => {
    recorder.clear()
    const children = [busy(t), busy(t)]
    const ran = await eventually(() => recorder.count(({ cpu }) => cpu === 1) > 5)
    for (const each of children) end(each)
    return ran
  }
  t.true(await runsOn1())
  t.teardown(() => setOnline(true))
  setOnline(false)
  link.refresh()
  t.deepEqual(link.cpus, [0])
  setOnline(true)
  // It looks by itself.
  t.true(await eventually(() => link.cpus.length === 2))
  t.true(await runsOn1())
  // Between two looks.
  setOnline(false)
  setOnline(true)
  link.refresh()
  t.deepEqual(link.cpus, [0, 1])
  t.true(await runsOn1())
  t.is(link.problem, undefined)
})

kernelTest('a program has a cookie', [features.perfEventLink], t => {
  using recorder = new PerfEventRecorder()
  using link = perfEvent(recorder.program, { event: 'cpu-clock', frequency: 99, cookie: 7n })
  const info = link.links[0]!.info()
  t.true(info.type === 'perf_event' && info.event.type === 'event')
  if (info.type === 'perf_event' && info.event.type === 'event') t.is(info.event.cookie, 7n)
})

kernelTest('a section is attached with an event, and says so without one', [], t => {
  using collection = loadObject('sections', ['on_perf_event'])
  using without = collection.attach()
  t.regex(
    without.skipped[0]!.reason.message,
    /needs an event, and how often it runs the program: give attach\(\) the option perfEvent, or call perfEvent\(program, \{ event: 'cpu-clock', frequency: 99 \}\)$/,
  )
  using attached = collection.attach({ perfEvent: { event: 'cpu-clock', frequency: 99 } })
  t.is(attached.programs[0]?.target, 'perf event cpu-clock')
  const program = collection.programs.get('on_perf_event')
  t.throws(() => attachBySection(program, { perfEvent: { event: 'cpu-clok', frequency: 99 } }), {
    code: 'ERR_INVALID_SPEC',
    message: /did you mean cpu-clock/,
  })
})

kernelTest('what cannot be is refused with the reason', ['tracefs'], t => {
  using recorder = new PerfEventRecorder()
  const { program } = recorder
  const clock = { event: 'cpu-clock', frequency: 99 }
  const refused: readonly [options: Parameters<typeof perfEvent>[1], message: RegExp][] = [
    [{ event: 'cpu-clock' }, /: give one of frequency and period$/],
    [{ ...clock, period: 1 }, /: give one of frequency and period$/],
    [{ frequency: 99 }, /give event, such as 'cpu-clock', or type and config$/],
    [{ event: 'cpu-clock', frequency: 0 }, /: frequency 0 is not a positive integer$/],
    [{ event: 'cpu-clock', frequency: 1.5 }, /: frequency 1.5 is not a positive integer$/],
    [{ event: 'cpu-clock', period: -1n }, /: period -1 is not a positive integer$/],
    [{ event: 'cpu-clock', period: 2n ** 63n }, /: period 9223372036854775808 is not a positive integer$/],
    [{ ...clock, cpu: 70000 }, /: CPU 70000 does not exist: those of this machine are 0/],
    [{ ...clock, cpu: [] }, /: no CPU was given$/],
    [{ ...clock, pid: 1, cgroup: '/sys/fs/cgroup' }, /: give one of pid and cgroup$/],
    [{ ...clock, pid: 0 }, /: 0 is not the id of a process$/],
    [{ ...clock, cookie: -1n }, /: cookie -1 is not an unsigned 64-bit number$/],
    [{ ...clock, cgroup: '/nonesuch' }, /ENOENT/],
    [{ ...clock, cgroup: '/sys\0/x' }, /EINVAL/],
    [{ type: 2 ** 32 + 1, config: 0, frequency: 99 }, /^Unknown type of perf event 4294967297: /],
    [{ ...clock, cgroup: '/proc' }, /EBADF/],
    [{ ...clock, pid: 2 ** 31 - 2 }, /process 2147483646 does not exist \(ESRCH\)$/],
    [
      { event: 'cpu-clock', frequency: 100_000_000 },
      /: a frequency of 100000000 is above the limit of \d+ \(\/proc\/sys\/kernel\/perf_event_max_sample_rate\)$/,
    ],
    [
      { event: 'sched:sched_switch', period: 1 },
      /programs of type tracepoint at tracepoints: load one, and call tracepoint\(program, 'sched', 'sched_switch'\)$/,
    ],
    [{ event: 'sched:sched_swich', period: 1 }, /no such event; did you mean sched_switch\?$/],
    [
      { type: 4_000_000_000, config: 1, period: 1 },
      /: no PMU of this machine takes it: its PMUs are .*software/,
    ],
  ]
  for (const [options, message] of refused)
    t.throws(() => perfEvent(program, options), { message }, String(message))
  // Counters of the CPU, by the names of x86-64 and of arm64.
  if (readdirSync('/sys/bus/event_source/devices').some(name => /^cpu|pmuv3/.test(name))) return
  t.throws(() => perfEvent(program, { event: 'cycles', frequency: 99 }), {
    code: 'ENOENT',
    message:
      /^Cannot open perf event cycles: .*which virtual machines often hide: cpu-clock works everywhere$/,
  })
})

kernelTest('whatever the program of the caller throws, no descriptor stays', ['cgroup2'], t => {
  using recorder = new PerfEventRecorder()
  const { fd, spec } = recorder.program
  /** A program that throws at one of the times that it is read. */
  const throwing = (at: number) => {
    let reads = 0
    const read = <T>(value: T): T => {
      if (++reads === at) throw new Error('from a getter')
      return value
    }
    const handle = {
      get fd() {
        return read(fd)
      },
      get name() {
        return read('p')
      },
      get spec() {
        return read(spec)
      },
    }
    return { handle, reads: () => reads }
  }
  const fds = countFds()
  const attach = (at: number): number => {
    const { handle, reads } = throwing(at)
    try {
      perfEvent(handle, { event: 'cpu-clock', frequency: 99, cgroup: cgroup2Path()! }).close()
    } catch (error) {
      t.is((error as Error).message, 'from a getter')
    }
    return reads()
  }
  const all = attach(0)
  t.true(all > 3)
  for (let at = 1; at <= all; at++) attach(at)
  t.is(countFds(), fds)
})
