import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { features } from '../../../src/kernel/probes/features.ts'
import { kprobe } from '../../../src/links/hooks/kernel-probes/kprobe.ts'
import {
  listProbeEvents,
  type ProbeEvent,
  removeProbeEvents,
} from '../../../src/links/hooks/perf-event/probe-event.ts'
import { bpftool } from '../../support/bpftool.ts'
import { callTraced, ProbeProgram, TRACED } from '../../support/links/probe-programs.ts'
import { probeTest } from '../../support/links/probe-test.ts'
import { ownName } from '../../support/stale.ts'

const { kprobe: kprobes, perfEventLink } = features

const EVENTS = '/sys/kernel/tracing/kprobe_events'
const CHILD = fileURLToPath(new URL('../../support/links/probe-process.js', import.meta.url))

/** `ioctl` requests as strace names them, or their numbers where it does not. */
const SET_BPF = /PERF_EVENT_IOC_SET_BPF|0x40042408/
const ENABLE = /PERF_EVENT_IOC_ENABLE|0x2400/

/** System calls on tracefs and perf events, in the order in which a process makes them while it runs. */
function trace(mode: string): string[] {
  const { stdout, stderr, status } = spawnSync(
    'strace',
    [
      ...[
        '-s',
        '200',
        '-e',
        'trace=openat,open,write,pwrite64,read,perf_event_open,ioctl,close',
        '-e',
        'signal=none',
      ],
      ...[process.execPath, CHILD, mode, 'close'],
    ],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`strace: ${stdout}${stderr.slice(-2000)}`)
  const lines = stderr.split('\n')
  const from = lines.findIndex(line => line.includes(EVENTS))
  // strace pads short calls.
  return lines.slice(from).map(line => line.replace(/\) += /, ') = '))
}

/** Numbers of the lines that match each pattern, each behind the one before. */
function findInOrder(lines: readonly string[], patterns: readonly RegExp[]): number[] {
  let at = -1
  return patterns.map(pattern => {
    at = lines.findIndex((line, i) => i > at && pattern.test(line))
    if (at === -1) throw new Error(`Nothing matches ${pattern} in order:\n${lines.join('\n')}`)
    return at
  })
}

for (const [mode, prefix] of [
  ['legacy', 'p'],
  ['kretprobe', 'r8'],
] as const) {
  probeTest(`${prefix}: the classic sequence of system calls`, [kprobes, 'strace'], t => {
    const calls = trace(mode)
    const group = /"(?:p|r8):(\w+)\//.exec(calls.join('\n'))?.[1]
    const name = new RegExp(`"${prefix}:\\w+/(\\w+) ${TRACED}\\+0"`).exec(calls.join('\n'))?.[1]
    t.regex(group ?? '', /^ebpf_ts_\d+$/)
    t.regex(name ?? '', new RegExp(`^${prefix[0]}_\\w*${TRACED}_[0-9a-f]{8}$`))
    const id = /read\(\d+, "(\d+)\\n"/.exec(calls.join('\n'))?.[1]
    const fd = /^perf_event_open\(.*= (\d+)$/m.exec(calls.join('\n'))?.[1]

    findInOrder(calls, [
      new RegExp(`^openat\\(AT_FDCWD, "${EVENTS}", O_WRONLY\\|O_APPEND\\|O_CLOEXEC\\) = `),
      new RegExp(`^write\\(\\d+, "${prefix}:${group}/${name} ${TRACED}\\+0", \\d+\\) = \\d+$`),
      /^close\(\d+\)/,
      new RegExp(
        `^openat\\(AT_FDCWD, "/sys/kernel/tracing/events/${group}/${name}/id", O_RDONLY\\|O_CLOEXEC\\)`,
      ),
      new RegExp(`^read\\(\\d+, "${id}\\\\n", `),
      new RegExp(
        `^perf_event_open\\(\\{type=PERF_TYPE_TRACEPOINT, .*config=(${id}|0x${Number(id).toString(16)}), .*\\}, -1, 0, -1, PERF_FLAG_FD_CLOEXEC\\) = `,
      ),
      new RegExp(`^ioctl\\(${fd}, (${SET_BPF.source}), \\w+\\) = 0$`),
      new RegExp(`^ioctl\\(${fd}, (${ENABLE.source}), 0\\) = 0$`),
      new RegExp(`^close\\(${fd}\\) = 0$`),
      new RegExp(`^openat\\(AT_FDCWD, "${EVENTS}", O_WRONLY\\|O_APPEND\\|O_CLOEXEC\\) = `),
      new RegExp(`^write\\(\\d+, "-:${group}/${name}", \\d+\\) = \\d+$`),
      /^close\(\d+\)/,
    ])
    t.is(calls.filter(line => line.includes(EVENTS)).length, 2)
    t.false(calls.some(line => line.includes(EVENTS) && line.includes('O_TRUNC')))
  })
}

/** Attaches in another process, which reports when it has. */
async function attachElsewhere(mode: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [CHILD, mode, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise<void>((resolve, reject) => {
    child.stdout!.once('data', resolve)
    child.once('exit', code => reject(new Error(`The process ended with ${code}`)))
  })
  return child
}

/** Sends `SIGKILL`, and waits until the process is gone. */
async function kill(child: ChildProcess): Promise<void> {
  const gone = new Promise(resolve => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
}

function eventsOf(pid: number | undefined): ProbeEvent[] {
  return listProbeEvents(`ebpf_ts_${pid}`)
}

probeTest(
  'what a killed process left is found and removed; what a living one has stays',
  [kprobes],
  async t => {
    const first = await attachElsewhere('legacy')
    const second = await attachElsewhere('kretprobe')
    t.teardown(() => Promise.all([first, second].map(each => each.exitCode ?? each.signalCode ?? kill(each))))
    const [left, alive] = [eventsOf(first.pid), eventsOf(second.pid)]
    t.deepEqual([left.length, alive.length], [1, 1])
    t.deepEqual(listProbeEvents(), [...left, ...alive])
    t.deepEqual(removeProbeEvents(), [])

    await kill(first)
    t.deepEqual(listProbeEvents(), [...left, ...alive])
    t.deepEqual(removeProbeEvents(), left)
    t.deepEqual(listProbeEvents(), alive)
    await kill(second)
    t.deepEqual(removeProbeEvents(), alive)
    t.deepEqual(listProbeEvents(), [])
  },
)

for (const [mode, needs] of [
  ['link', [kprobes, perfEventLink]],
  ['perf', [kprobes]],
] as const) {
  probeTest(`mode ${mode}: SIGKILL leaves nothing`, needs, async t => {
    const links = () => (bpftool('link', 'show') as unknown[]).length
    const [linksBefore, kprobesBefore] = [links(), registeredKprobes()]
    const child = await attachElsewhere(mode)
    t.is(links(), linksBefore + (mode === 'link' ? 1 : 0))
    t.is(registeredKprobes(), kprobesBefore + 1)
    t.deepEqual(listProbeEvents(), [])
    await kill(child)
    t.is(links(), linksBefore)
    t.is(registeredKprobes(), kprobesBefore)
  })
}

function registeredKprobes(): number {
  return readFileSync('/sys/kernel/debug/kprobes/list', 'utf8').split('\n').length - 1
}

probeTest("other people's events are never touched", [kprobes], t => {
  // The group begins almost as those of the library do.
  const group = ownName()
  const mine = [`${group}/entry`, `${group}/return`]
  for (const [i, kind] of ['p', 'r'].entries()) appendFileSync(EVENTS, `${kind}:${mine[i]} ${TRACED}`)
  t.teardown(() => {
    for (const name of mine) appendFileSync(EVENTS, `-:${name}`)
  })
  const before = readFileSync(EVENTS, 'utf8')
  using probe = new ProbeProgram()
  const link = kprobe(probe.program, TRACED, { mode: 'legacy' })
  t.true(readFileSync(EVENTS, 'utf8').startsWith(before) || readFileSync(EVENTS, 'utf8').endsWith(before))
  link.close()
  t.is(readFileSync(EVENTS, 'utf8'), before)
  t.deepEqual(listProbeEvents(), [])
  t.deepEqual(removeProbeEvents(), [])
  t.is(readFileSync(EVENTS, 'utf8'), before)
})

probeTest('an event in use stays', [kprobes], t => {
  using probe = new ProbeProgram()
  using link = kprobe(probe.program, TRACED, { mode: 'legacy' })
  const [event] = listProbeEvents()
  t.throws(() => appendFileSync(EVENTS, `-:${event!.group}/${event!.name}`), { code: 'EBUSY' })
  t.deepEqual(removeProbeEvents(), [])
  callTraced(0)
  t.is(probe.seen.runs, 1)
  link.close()
  t.deepEqual(listProbeEvents(), [])
})

probeTest('events are listed and removed by any prefix but the empty one', [kprobes], t => {
  const own = ownName()
  const [first, second, other] = [`${own}_abc_1`, `${own}_abc_2`, `${own}_abd`] as const
  for (const name of [`${first}/x`, `${second}/y`, `${other}/z`])
    appendFileSync(EVENTS, `p:${name} ${TRACED}`)
  t.teardown(() => appendFileSync(EVENTS, `-:${other}/z`))
  const abc: ProbeEvent[] = [
    { kind: 'kprobe', group: first, name: 'x' },
    { kind: 'kprobe', group: second, name: 'y' },
  ]
  t.deepEqual(listProbeEvents(`${own}_abc_`).sort(byGroup), abc)
  t.deepEqual(removeProbeEvents(`${own}_abc_`).sort(byGroup), abc)
  t.deepEqual(listProbeEvents(`${own}_ab`), [{ kind: 'kprobe', group: other, name: 'z' }])
  t.throws(() => listProbeEvents(''), { instanceOf: TypeError })
  t.throws(() => removeProbeEvents(''), { instanceOf: TypeError })
})

const byGroup = (a: ProbeEvent, b: ProbeEvent): number => (a.group < b.group ? -1 : 1)

probeTest('names of events fit the kernel, however long the name of a function is', [kprobes], t => {
  using probe = new ProbeProgram()
  const longest = longestFunction()
  using link = kprobe(probe.program, longest, { mode: 'legacy' })
  const [event] = listProbeEvents()
  t.true(event!.name.length < 64)
  t.true(event!.name.startsWith(`p_kprobe_${longest.slice(0, 20)}`))
  t.true(readdirSync(`/sys/kernel/tracing/events/${event!.group}`).includes(event!.name))
  link.close()
})

/** The function with the longest name that can be probed for certain, since it can be traced. */
function longestFunction(): string {
  const names = readFileSync('/sys/kernel/tracing/available_filter_functions', 'utf8').split('\n')
  const plain = names.filter(name => /^\w{40,}$/.test(name))
  const unique = plain.filter(name => plain.indexOf(name) === plain.lastIndexOf(name))
  return unique.reduce((longest, name) => (name.length > longest.length ? name : longest), '')
}
