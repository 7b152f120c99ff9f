import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import type { ExecutionContext } from 'ava'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import type { Feature } from '../../../src/kernel/probes/probe.ts'
import { attachBySection } from '../../../src/links/by-section.ts'
import {
  type KprobeOptions,
  type KprobeTarget,
  kprobe,
  kretprobe,
} from '../../../src/links/hooks/kernel-probes/kprobe.ts'
import type { ProbeMode } from '../../../src/links/hooks/perf-event/probe.ts'
import { listProbeEvents, removeProbeEvents } from '../../../src/links/hooks/perf-event/probe-event.ts'
import { Link } from '../../../src/links/link.ts'
import { taskFdQuery } from '../../../src/links/task-fd-query.ts'
import { KernelSymbols } from '../../../src/symbols/kallsyms.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftool, bpftoolPerf } from '../../support/bpftool.ts'
import { callTraced, ProbeProgram, TRACED } from '../../support/links/probe-programs.ts'
import { probeTest } from '../../support/links/probe-test.ts'
import { eventually } from '../../support/poll.ts'
import { since } from '../../support/programs/features.ts'

const { kprobe: kprobes, perfEventLink } = features

const modes: readonly { mode: ProbeMode; needs: readonly Feature[] }[] = [
  { mode: 'link', needs: [kprobes, perfEventLink] },
  { mode: 'perf', needs: [kprobes] },
  { mode: 'legacy', needs: [kprobes] },
]

/** The kernel reports how many hits a probe missed. */
const missedHits = since('6.7', 'The number of hits that a kprobe missed')

const hasLinks = (): boolean => perfEventLink.probe() === 'yes'

/** Address of the function that is probed, as the kernel lists it. */
function tracedAddress(): bigint {
  return KernelSymbols.read().find(TRACED)[0]!.address
}

/** The probe that a link is of; fails when it is of something else. */
function probeOf(link: Link) {
  const info = link.info()
  if (info.type !== 'perf_event') throw new Error(`Not a perf event but ${info.type}`)
  if (info.event.type !== 'kprobe' && info.event.type !== 'kretprobe') {
    throw new Error(`Not a kprobe but ${info.event.type}`)
  }
  return { id: info.id, programId: info.programId, ...info.event }
}

/** Compares what the library says of a link with what bpftool does. */
function compareWithBpftool(t: ExecutionContext, link: Link): void {
  const { id, programId, type, function: name, offset, address, missed, cookie } = probeOf(link)
  t.deepEqual(bpftoolPerf(), [{ prog_id: programId, fd_type: type, ...placeOf(name, offset, address) }])
  if (id === 0) return
  const all = bpftool('link', 'show') as { id: number; missed?: number; cookie?: number }[]
  const shown = all.find(each => each.id === id)!
  t.like(shown, { id, type: 'perf_event', prog_id: programId })
  // Before 6.6 bpftool shows no more than that, and before 6.7 no missed hits.
  if (!('func' in shown) && !('addr' in shown)) return
  t.like(shown, { retprobe: type === 'kretprobe', addr: Number(address), func: name, offset })
  t.is(shown.missed ?? 0, Number(missed))
  if ('cookie' in shown) t.is(shown.cookie, Number(cookie))
}

/** As `bpftool perf show` prints it: either a name and an offset, or an address. */
function placeOf(name: string, offset: number, address: bigint): Record<string, unknown> {
  return name === '' ? { addr: Number(address) } : { func: name, offset }
}

for (const { mode, needs } of modes) {
  probeTest(`mode ${mode}: a kprobe runs at each entry of a function`, needs, t => {
    using probe = new ProbeProgram({ value: 0 })
    using link = kprobe(probe.program, TRACED, { mode })
    callTraced(123)
    callTraced(321)
    t.deepEqual(probe.seen, { runs: 2, value: 321n, cookie: 0n })
    t.like(probeOf(link), {
      programId: probe.program.info().id,
      type: 'kprobe',
      function: TRACED,
      offset: 0,
      missed: 0n,
      cookie: 0n,
    })
    t.is(probeOf(link).id > 0, mode === 'link')
    compareWithBpftool(t, link)
    link.close()
    callTraced(0)
    t.is(probe.seen.runs, 2)
  })

  probeTest(`mode ${mode}: a kretprobe runs at each return of a function`, needs, t => {
    using probe = new ProbeProgram({ value: 'returned' })
    using link = kretprobe(probe.program, TRACED, { mode })
    const fd = callTraced(0)
    t.deepEqual(probe.seen, { runs: 1, value: BigInt(fd), cookie: 0n })
    t.like(probeOf(link), { type: 'kretprobe', function: TRACED, offset: 0 })
    compareWithBpftool(t, link)
    link.close()
    callTraced(0)
    t.is(probe.seen.runs, 1)
  })

  probeTest(`mode ${mode}: a probe is put behind the start of a function`, needs, t => {
    using probe = new ProbeProgram({ value: 'returned' })
    using link = probeSecondInstruction(probe, TRACED, mode)
    callTraced(0)
    t.is(probe.seen.runs, 1)
    t.is(probeOf(link).function, TRACED)
    t.true(probeOf(link).offset > 0)
    compareWithBpftool(t, link)
    link.close()
  })

  probeTest(`mode ${mode}: an address is probed, with an offset`, needs, t => {
    using probe = new ProbeProgram({ value: 'returned' })
    const start = tracedAddress()
    using entry = kprobe(probe.program, start, { mode })
    t.like(probeOf(entry), { function: '', offset: 0 })
    compareWithBpftool(t, entry)
    callTraced(0)
    t.is(probe.seen.runs, 1)
    entry.close()

    using returns = kretprobe(probe.program, start, { mode })
    callTraced(0)
    t.is(probe.seen.runs, 2)
    returns.close()

    using inside = probeSecondInstruction(probe, start, mode)
    callTraced(0)
    t.is(probe.seen.runs, 3)
    t.true(probeOf(inside).address > start)
  })

  probeTest(`mode ${mode}: a module distinguishes functions of one name`, needs, t => {
    using probe = new ProbeProgram({ value: 'returned' })
    const symbols = KernelSymbols.read()
    for (const attach of [kprobe, kretprobe]) {
      using link = attach(probe.program, 'virtio_blk:serial_show', { mode })
      const before = probe.seen.runs
      readSerialNumber()
      t.is(probe.seen.runs, before + 1)
      const { function: name, address } = probeOf(link)
      if (mode === 'legacy') t.is(name, 'virtio_blk:serial_show')
      else t.is(symbols.at(address)?.symbol.module, 'virtio_blk')
      compareWithBpftool(t, link)
    }
  })

  probeTest(`mode ${mode}: the kernel itself counts as module vmlinux`, needs, t => {
    using probe = new ProbeProgram({ value: 0 })
    using link = kprobe(probe.program, `vmlinux:${TRACED}`, { mode })
    callTraced(77)
    t.deepEqual(probe.seen, { runs: 1, value: 77n, cookie: 0n })
    link.close()
  })
}

/** Puts a kprobe on the second instruction: where it starts is for the kernel to say. */
function probeSecondInstruction({ program }: ProbeProgram, target: KprobeTarget, mode: ProbeMode): Link {
  for (let offset = 1; offset < 16; offset++) {
    try {
      return kprobe(program, target, { offset, mode })
    } catch (error) {
      if (!(error instanceof BpfError && /EILSEQ|EINVAL/.test(error.code))) throw error
    }
  }
  throw new Error('No instruction found')
}

/** Has `serial_show` of virtio_blk run once; the kernel has others of that name. */
function readSerialNumber(): void {
  const fd = openSync('/sys/block/vda/serial', 'r')
  readSync(fd, new Uint8Array(64))
  closeSync(fd)
}

probeTest('the best way is taken unless one is forced', [kprobes], t => {
  using probe = new ProbeProgram()
  using link = kprobe(probe.program, TRACED)
  t.is(probeOf(link).id > 0, hasLinks())
  t.deepEqual(listProbeEvents(), [])
})

probeTest('programs read the cookie of the link that they run for', [kprobes, perfEventLink], t => {
  const cookie = 0x8123_4567_89ab_cdefn
  using probe = new ProbeProgram({ value: 0, cookie: true })
  for (const mode of ['auto', 'link'] as const) {
    using link = kprobe(probe.program, TRACED, { cookie, mode })
    callTraced(1)
    t.is(probe.seen.cookie, cookie)
    compareWithBpftool(t, link)
    link.close()
    using returns = kretprobe(probe.program, TRACED, { cookie: 5n, mode })
    callTraced(1)
    t.is(probe.seen.cookie, 5n)
    compareWithBpftool(t, returns)
  }
})

probeTest('a cookie goes with a probe of tracefs where there are links', [kprobes, perfEventLink], t => {
  using probe = new ProbeProgram({ cookie: true })
  using link = kretprobe(probe.program, TRACED, { maxactive: 3, cookie: 9n })
  t.true(link.info().id > 0)
  callTraced(0)
  t.like(probe.seen, { runs: 1, cookie: 9n })
})

probeTest('maxactive is written to tracefs, whatever else the kernel has', [kprobes], t => {
  using probe = new ProbeProgram({ value: 'returned' })
  for (const mode of ['auto', 'legacy'] as const) {
    using link = kretprobe(probe.program, TRACED, { maxactive: 17, mode })
    const lines = readFileSync('/sys/kernel/tracing/kprobe_events', 'utf8')
    t.regex(lines, new RegExp(`^r17:ebpf_ts_${process.pid}/r_\\S+ ${TRACED}$`, 'm'))
    const fd = callTraced(0)
    t.is(probe.seen.value, BigInt(fd))
    compareWithBpftool(t, link)
  }
  t.is(probe.seen.runs, 2)
})

probeTest('hits that a kretprobe missed are counted', [kprobes, missedHits], async t => {
  using probe = new ProbeProgram()
  using link = kretprobe(probe.program, 'do_nanosleep', { maxactive: 1 })
  t.is(probeOf(link).missed, 0n)
  // While one of them sleeps, nothing is left to follow the other with.
  const sleepers = [spawn('sleep', ['1000']), spawn('sleep', ['1000'])]
  const missed = await eventually(() => probeOf(link).missed > 0n)
  const ends = sleepers.map(each => new Promise(resolve => each.once('exit', resolve)))
  for (const each of sleepers) each.kill()
  await Promise.all(ends)
  t.true(missed)
  compareWithBpftool(t, link)
})

probeTest('a descriptor of a perf event is queried, also in another process', [kprobes], t => {
  using probe = new ProbeProgram()
  using link = kprobe(probe.program, TRACED, { mode: 'perf' })
  const { id } = probe.program.info()
  const info = taskFdQuery(link.fd)
  t.like(info, { programId: id, kind: 'kprobe', name: TRACED, offset: 0n })
  t.deepEqual(taskFdQuery(link.fd, process.pid), info)
  t.throws(() => taskFdQuery(0), { code: 'ENOTSUPP', message: /^Cannot query descriptor 0 of process \d+: / })
  t.throws(() => taskFdQuery(link.fd, 1), { instanceOf: BpfError })
  t.throws(() => taskFdQuery(0xffff), { code: 'EBADF' })
})

probeTest('a link is found by id, in the list, and by its pin', [kprobes, perfEventLink, 'bpffs'], t => {
  using bpffs = temporaryBpffs()
  const path = `${bpffs.path}/link`
  using probe = new ProbeProgram()
  const link = kprobe(probe.program, TRACED, { mode: 'link' })
  const { id } = link.info()
  const listed = [...Link.list()].map(each => {
    using closing = each
    return closing.info().id
  })
  t.true(listed.includes(id))
  using byId = Link.fromId(id)
  t.is(byId.info().programId, probe.program.info().id)
  byId.close()

  link.pin(path)
  link.close()
  callTraced(0)
  t.is(probe.seen.runs, 1)
  using pinned = Link.loadPinned(path)
  t.is(pinned.info().id, id)
  pinned.unpin(path)
  pinned.close()
  callTraced(0)
  t.is(probe.seen.runs, 1)
})

probeTest(
  'an event of tracefs stays as long as a pinned link uses it',
  [kprobes, perfEventLink, 'bpffs'],
  async t => {
    using bpffs = temporaryBpffs()
    const path = `${bpffs.path}/link`
    using probe = new ProbeProgram()
    const link = kretprobe(probe.program, TRACED, { maxactive: 2 })
    link.pin(path)
    link.close()
    const events = listProbeEvents()
    t.is(events.length, 1)
    t.deepEqual(removeProbeEvents(), [])
    callTraced(0)
    t.is(probe.seen.runs, 1)
    link.unpin(path)
    // The kernel frees a link that was pinned some time after its pin.
    t.true(await eventually(() => removeProbeEvents().length === 1))
    t.deepEqual(listProbeEvents(), [])
  },
)

probeTest('no link of a probe can be given another program, or be detached', [kprobes, perfEventLink], t => {
  using probe = new ProbeProgram()
  using other = new ProbeProgram()
  using link = kprobe(probe.program, TRACED, { mode: 'link' })
  t.throws(() => link.update(other.program), { instanceOf: NotSupportedError })
  t.throws(() => link.update(other.program, { expected: probe.program }), { instanceOf: NotSupportedError })
  t.throws(() => link.detach(), { instanceOf: NotSupportedError })
  callTraced(0)
  t.deepEqual([probe.seen.runs, other.seen.runs], [1, 0])
})

probeTest('without a link, what links can do is refused', [kprobes], t => {
  using probe = new ProbeProgram()
  for (const mode of ['perf', 'legacy'] as const) {
    using link = kprobe(probe.program, TRACED, { mode })
    for (const use of [
      () => link.update(probe.program),
      () => link.detach(),
      () => link.pin('/sys/fs/bpf/x'),
    ]) {
      t.throws(use, { instanceOf: NotSupportedError })
    }
  }
})

for (const [sectionName, target] of [
  ['kprobe/f_dupfd', 'kprobe f_dupfd'],
  ['kprobe/vmlinux:f_dupfd+0x0', 'kprobe vmlinux:f_dupfd+0x0'],
  ['kretprobe/f_dupfd', 'kretprobe f_dupfd'],
  ['ksyscall/fcntl', 'system call fcntl'],
  ['kretsyscall/fcntl', 'return of system call fcntl'],
] as const) {
  probeTest(`section ${sectionName} says where to attach`, [kprobes], t => {
    using probe = new ProbeProgram({ sectionName })
    const attached = attachBySection(probe.program)
    if ('reason' in attached) throw attached.reason
    using link = attached.link
    t.is(attached.target, target)
    callTraced(0)
    t.is(probe.seen.runs, 1)
    link.close()
  })
}

probeTest('one program hangs on several probes', [kprobes], t => {
  using probe = new ProbeProgram()
  const all: KprobeOptions[] = [{ mode: 'perf' }, { mode: 'legacy' }, { mode: 'auto' }]
  const links = all.map(options => kprobe(probe.program, TRACED, options))
  callTraced(0)
  t.is(probe.seen.runs, 3)
  links.shift()!.close()
  callTraced(0)
  t.is(probe.seen.runs, 5)
  for (const link of links) link.close()
})
