import { spawnSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, rmdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import type { Collection } from '../../../src/collection/collection.ts'
import type { Variable } from '../../../src/collection/variable.ts'
import { PerfEvent } from '../../../src/kernel/perf/perf-event.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { cgroup } from '../../../src/links/hooks/cgroup/cgroup.ts'
import { iter } from '../../../src/links/hooks/iter/iter.ts'
import { rawTracepoint } from '../../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { tpBtf } from '../../../src/links/hooks/kernel-probes/tp-btf.ts'
import { tracepoint } from '../../../src/links/hooks/kernel-probes/tracepoint.ts'
import { attachPerfEvent } from '../../../src/links/hooks/perf-event/attach.ts'
import { Link } from '../../../src/links/link.ts'
import { taskFdQuery } from '../../../src/links/task-fd-query.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftoolLink, bpftoolPerf } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject } from '../../support/objects.ts'
import { eventually } from '../../support/poll.ts'
import { cgroup2Path } from '../../support/requirements.ts'
import { ownName } from '../../support/stale.ts'

/** Places of the programs of `sections` in `hits`. */
const HITS = {
  on_raw_tp: 0,
  on_tp: 2,
  on_tracepoint: 3,
  on_tp_btf: 4,
  on_iter: 11,
  on_cgroup_skb_egress: 17,
} as const

/** Loads programs of `sections`; `hits` reads how often one has run. */
function load(...names: (keyof typeof HITS)[]): Disposable & {
  programs: Program[]
  hits: (name: keyof typeof HITS) => bigint
} {
  const collection: Collection = loadObject('sections', names)
  const hits: Variable = collection.variables.get('hits')
  return {
    programs: names.map(name => collection.programs.get(name)),
    hits: name => (hits.get() as bigint[])[HITS[name]]!,
    [Symbol.dispose]: () => collection.close(),
  }
}

const shown = (link: Link): unknown => bpftoolLink(link.info().id)

kernelTest('a raw tracepoint counts until its link is closed', ['bpftool'], async t => {
  using loaded = load('on_raw_tp')
  const [program] = loaded.programs
  const link = rawTracepoint(program!, 'sched_switch')
  t.true(await eventually(() => loaded.hits('on_raw_tp') > 2n))
  const info = link.info()
  t.like(info, { type: 'raw_tracepoint', programId: program!.info().id, tracepoint: 'sched_switch' })
  t.like(shown(link), {
    id: info.id,
    type: 'raw_tracepoint',
    prog_id: info.programId,
    tp_name: 'sched_switch',
  })
  link.close()
  const { hits } = loaded
  // A run that had begun may still end.
  let before = hits('on_raw_tp')
  t.true(
    await eventually(() => {
      const now = hits('on_raw_tp')
      const quiet = now === before
      before = now
      return quiet
    }),
  )
})

kernelTest('a tp_btf program counts at the tracepoint it was loaded for', ['bpftool'], async t => {
  using loaded = load('on_tp_btf')
  using link = tpBtf(loaded.programs[0]!)
  t.true(await eventually(() => loaded.hits('on_tp_btf') > 2n))
  const info = link.info()
  t.true(info.type === 'raw_tracepoint' && info.tracepoint === 'sched_switch')
  t.like(shown(link), { id: info.id, prog_id: info.programId, tp_name: 'sched_switch' })
})

kernelTest('raw tracepoints have cookies', [features.rawTracepointCookie], t => {
  using loaded = load('on_raw_tp', 'on_tp_btf')
  const [raw, typed] = loaded.programs
  using first = rawTracepoint(raw!, 'sched_switch', { cookie: 0x1234_5678_9abc_def0n })
  using second = tpBtf(typed!, { cookie: 7n })
  const cookies = [first, second].map(link => {
    const info = link.info()
    return 'cookie' in info ? info.cookie : undefined
  })
  // Kernels show them since 6.18; attaching took them already.
  t.true(cookies.every(cookie => cookie !== undefined))
  if (cookies[0] !== 0n) t.deepEqual(cookies, [0x1234_5678_9abc_def0n, 7n])
})

kernelTest('a tracepoint says of which type its program must be', ['tracefs'], t => {
  using loaded = load('on_raw_tp')
  t.throws(() => tracepoint(loaded.programs[0]!, 'sched', 'sched_switch'), {
    instanceOf: BpfError,
    code: 'ERR_PROGRAM_TYPE',
    message: /: the program is of type raw_tracepoint, and the hook tracepoint takes tracepoint$/,
  })
})

kernelTest('a tracepoint counts as a link', ['tracefs', 'bpftool', features.perfEventLink], async t => {
  using loaded = load('on_tp')
  using link = tracepoint(loaded.programs[0]!, 'sched', 'sched_switch', { cookie: 9n })
  t.true(await eventually(() => loaded.hits('on_tp') > 2n))
  const info = link.info()
  t.true(info.type === 'perf_event')
  const seen = bpftoolLink(info.id)
  t.like(seen, { id: info.id, type: 'perf_event', prog_id: info.programId })
  // bpftool before 7.3 shows no more, and no cookie before 7.4.
  if ('tracepoint' in seen) t.is(seen.tracepoint, 'sched_switch')
  if ('cookie' in seen) t.is(seen.cookie, 9)
  t.deepEqual(bpftoolPerf(), [{ prog_id: info.programId, fd_type: 'tracepoint', tracepoint: 'sched_switch' }])
  if (info.type === 'perf_event' && info.event.type !== 'unspec') {
    t.like(info.event, { type: 'tracepoint', name: 'sched_switch' })
  }
  t.throws(() => link.update(loaded.programs[0]!), {
    instanceOf: NotSupportedError,
    message: /^Updating links of type perf_event is not supported by this kernel/,
  })
})

kernelTest('a tracepoint counts without a link', ['tracefs', 'bpftool'], async t => {
  using loaded = load('on_tp')
  const [program] = loaded.programs
  const open = () => PerfEvent.openTraceEvent('tracepoint', 'sched', 'sched_switch')
  using link = attachPerfEvent(program!, open(), 'program', { hook: 'tracepoint', way: 'ioctl' })
  t.true(await eventually(() => loaded.hits('on_tp') > 2n))
  const programId = program!.info().id
  t.like(taskFdQuery(link.fd), { programId, kind: 'tracepoint', name: 'sched_switch' })
  t.deepEqual(bpftoolPerf(), [{ prog_id: programId, fd_type: 'tracepoint', tracepoint: 'sched_switch' }])
  for (const use of [() => link.pin('/sys/fs/bpf/no'), () => link.detach()]) {
    t.throws(use, { instanceOf: NotSupportedError })
  }
  t.throws(
    () => attachPerfEvent(program!, open(), 'program', { hook: 'tracepoint', way: 'ioctl', cookie: 1n }),
    { instanceOf: TypeError, message: 'Cannot attach program: a cookie needs a link' },
  )
  link.close()
  link.close()
  t.throws(() => link.fd, { code: 'ERR_CLOSED' })
})

kernelTest('a tracepoint of exec counts the programs that start', ['tracefs'], t => {
  using loaded = load('on_tracepoint')
  using _ = tracepoint(loaded.programs[0]!, 'sched', 'sched_process_exec')
  spawnSync('true')
  t.true(loaded.hits('on_tracepoint') >= 1n)
})

kernelTest('an iterator walks anew at each read', ['bpftool'], t => {
  using loaded = load('on_iter')
  using link = iter(loaded.programs[0]!)
  t.is(link.read().length, 0, 'the program writes nothing')
  const once = loaded.hits('on_iter')
  t.true(once >= 2n)
  link.read()
  t.true(loaded.hits('on_iter') >= once + 2n)
  t.like(link.info(), { type: 'iter', target: 'task', mapId: 0 })
  link.update(loaded.programs[0]!)
  t.throws(() => link.detach(), {
    instanceOf: NotSupportedError,
    message:
      'Detaching links of type iter is not supported by this kernel; close it, and attach the program anew',
  })
  t.like(shown(link), { type: 'iter', target_name: 'task', prog_id: loaded.programs[0]!.info().id })
  t.throws(() => iter(loaded.programs[0]!, { task: { pid: 1 }, map: { fd: 1 } }), { instanceOf: TypeError })
  // Without a number the kernel would walk over all tasks; others would be cut.
  for (const task of [{}, { pid: undefined }, { pid: 1, tid: 1 }])
    t.throws(() => iter(loaded.programs[0]!, { task: task as never }), { instanceOf: TypeError })
  for (const number of [2 ** 32 + process.pid, process.pid + 0.5, -1, 0, '1' as never]) {
    t.throws(() => iter(loaded.programs[0]!, { task: { pid: number } }), { instanceOf: RangeError })
    t.throws(() => iter(loaded.programs[0]!, { task: { tid: number } }), { instanceOf: RangeError })
  }
  for (const fd of [2 ** 32 + 3, 3.5, -1, undefined as never]) {
    t.throws(() => iter(loaded.programs[0]!, { map: { fd } }), { instanceOf: RangeError })
    const cgroup = { fd, order: 'self_only' } as const
    t.throws(() => iter(loaded.programs[0]!, { cgroup }), { instanceOf: RangeError })
  }
})

kernelTest('a cgroup program sees what the processes of the cgroup send', ['cgroup2', 'bpftool'], async t => {
  using loaded = load('on_cgroup_skb_egress')
  const root = cgroup2Path()!
  using link = cgroup(loaded.programs[0]!, root, 'cgroup_inet_egress')
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  t.true(
    await eventually(() => {
      socket.send('x', socket.address().port, '127.0.0.1')
      return loaded.hits('on_cgroup_skb_egress') > 0n
    }),
  )
  const info = link.info()
  t.like(info, { type: 'cgroup', attachType: 'cgroup_inet_egress', cgroupId: BigInt(statSync(root).ino) })
  t.like(shown(link), { type: 'cgroup', cgroup_id: statSync(root).ino, prog_id: info.programId })
})

kernelTest('cgroup programs attach by section to the cgroup that is given', ['cgroup2'], async t => {
  using collection = loadObject('sections', ['on_cgroup_skb_ingress', 'on_cgroup_sock_create'])
  const path = join(cgroup2Path()!, `ebpf-ts-${process.pid}`)
  mkdirSync(path)
  t.teardown(() => rmdirSync(path))
  {
    using none = collection.attach()
    t.deepEqual(
      none.skipped.map(({ reason }) => reason.code),
      ['ERR_NO_TARGET', 'ERR_NO_TARGET'],
    )
  }
  using attached = collection.attach({ cgroup: path })
  t.deepEqual(attached.skipped, [])
  t.deepEqual(
    attached.programs.map(({ link, target }) => {
      const info = link.info()
      return [target, info.type === 'cgroup' && info.attachType, info.type === 'cgroup' && info.cgroupId]
    }),
    ['cgroup_inet_ingress', 'cgroup_inet_sock_create'].map(type => [
      `${type} of ${path}`,
      type,
      BigInt(statSync(path).ino),
    ]),
  )
})

kernelTest('a cgroup that is removed leaves a link to nothing', ['cgroup2'], async t => {
  using loaded = load('on_cgroup_skb_egress')
  const path = join(cgroup2Path()!, ownName())
  mkdirSync(path)
  using link = cgroup(loaded.programs[0]!, path, 'cgroup_inet_egress')
  rmdirSync(path)
  t.true(
    await eventually(() => {
      const info = link.info()
      return info.type === 'cgroup' && info.cgroupId === 0n
    }),
  )
})

kernelTest('a cgroup must be one', [], t => {
  using loaded = load('on_cgroup_skb_egress')
  const [program] = loaded.programs
  const what = 'Cannot attach program on_cgroup_skb_egress to cgroup_inet_egress of'
  t.throws(() => cgroup(program!, '/no/such/cgroup', 'cgroup_inet_egress'), {
    instanceOf: BpfError,
    code: 'ENOENT',
    message: `${what} /no/such/cgroup: No such file or directory (ENOENT)`,
  })
  t.throws(() => cgroup(program!, '/proc', 'cgroup_inet_egress'), { code: 'EBADF' })
  t.throws(() => cgroup(program!, '/proc/version', 'cgroup_inet_egress'), { code: 'ENOTDIR' })
})

kernelTest('a link is found by id and in the list', [], t => {
  using loaded = load('on_raw_tp')
  using link = rawTracepoint(loaded.programs[0]!, 'sched_switch')
  const { id } = link
  using byId = Link.fromId(id)
  t.deepEqual(byId.info(), link.info())
  let listed = 0
  for (const each of Link.list()) {
    if (each.info().id === id) listed++
    each.close()
  }
  t.is(listed, 1)
})

kernelTest('a closed link throws, and can be closed again', [], t => {
  using loaded = load('on_raw_tp')
  const [program] = loaded.programs
  const link = rawTracepoint(program!, 'sched_switch')
  link.close()
  link.close()
  t.true(link.closed)
  for (const use of [
    () => link.fd,
    () => link.info(),
    () => link.update(program!),
    () => link.detach(),
    () => link.pin('/sys/fs/bpf/no'),
  ]) {
    t.throws(use, { instanceOf: BpfError, code: 'ERR_CLOSED' })
  }
})

kernelTest('a pinned link stays attached when its handle is closed', [], async t => {
  using bpffs = temporaryBpffs()
  const path = `${bpffs.path}/link`
  using loaded = load('on_raw_tp')
  const link = rawTracepoint(loaded.programs[0]!, 'sched_switch')
  link.pin(path)
  t.throws(() => link.pin(path), { code: 'EEXIST', message: /^Cannot pin link at / })
  const info = link.info()
  link.close()
  const before = loaded.hits('on_raw_tp')
  t.true(await eventually(() => loaded.hits('on_raw_tp') > before))
  using pinned = Link.loadPinned(path)
  t.deepEqual(pinned.info(), info)
  pinned.unpin(path)
  t.throws(() => Link.loadPinned(path), { instanceOf: BpfError, code: 'ENOENT' })
})

for (const end of ['ended', 'killed']) {
  kernelTest(`a pinned link outlives a process that has ${end}`, [], async t => {
    using bpffs = temporaryBpffs()
    const path = `${bpffs.path}/link`
    const script = fileURLToPath(new URL('../../support/links/link-process.js', import.meta.url))
    const { status, signal, stderr } = spawnSync(process.execPath, [script, path, end], { encoding: 'utf8' })
    t.deepEqual([status, signal, stderr], end === 'killed' ? [null, 'SIGKILL', ''] : [0, null, ''])

    using link = Link.loadPinned(path)
    t.like(link.info(), { type: 'raw_tracepoint', tracepoint: 'sched_switch' })
    using program = Program.fromId(link.info().programId)
    using hits = BpfMap.fromId(program.info().mapIds[0]!).bytes()
    const count = (): bigint => Buffer.from(hits.get(Uint8Array.of(0, 0, 0, 0))!).readBigUInt64LE()
    const before = count()
    t.true(await eventually(() => count() > before), 'it still counts')
    link.unpin(path)
  })
}

kernelTest('an unknown tracepoint is an error', ['tracefs'], t => {
  using loaded = load('on_raw_tp', 'on_tp')
  const [raw, perf] = loaded.programs
  t.throws(() => rawTracepoint(raw!, 'no_such'), {
    instanceOf: BpfError,
    code: 'ENOENT',
    message:
      /^Cannot attach program on_raw_tp to raw tracepoint no_such: .*the kernel has no such tracepoint$/,
  })
  t.throws(() => tracepoint(perf!, 'sched', 'no_such'), {
    instanceOf: BpfError,
    code: 'ENOENT',
    message:
      'Cannot attach program on_tp to tracepoint sched/no_such: Cannot find trace event sched/no_such: group sched has no such event',
  })
  t.throws(() => tracepoint(perf!, '..', 'x'), { instanceOf: TypeError })
})

kernelTest('a program of another type is refused', ['tracefs', 'cgroup2'], t => {
  using loaded = load('on_raw_tp', 'on_tp', 'on_iter')
  const [raw, perf, walk] = loaded.programs
  const refused = { instanceOf: BpfError, code: 'ERR_PROGRAM_TYPE' }
  t.throws(() => rawTracepoint(perf!, 'sched_switch'), refused)
  t.throws(() => tracepoint(raw!, 'sched', 'sched_switch'), refused)
  t.throws(() => iter(raw!), refused)
  t.throws(() => cgroup(walk!, cgroup2Path()!, 'cgroup_inet_egress'), refused)
})

kernelTest('where tracefs is not mounted, the error says how to mount it', [], t => {
  const source = `
    import { tracefsPath } from ${JSON.stringify(new URL('../../../src/kernel/index.js', import.meta.url).href)}
    try { tracefsPath() } catch (error) { console.log(error.code, error.message) }`
  const script = 'umount -a -t tracefs,debugfs 2>/dev/null; exec "$0" --input-type=module -e "$1"'
  const { stdout } = spawnSync('unshare', ['-m', 'sh', '-c', script, process.execPath, source], {
    encoding: 'utf8',
  })
  t.is(stdout.trim(), 'ENOENT tracefs is not mounted; run `mount -t tracefs tracefs /sys/kernel/tracing`')
})
