import { readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { defineFeature } from '../../../src/kernel/probes/probe.ts'
import type { ProbeMode } from '../../../src/links/hooks/perf-event/probe.ts'
import { listProbeEvents } from '../../../src/links/hooks/perf-event/probe-event.ts'
import { type UprobeOptions, uprobe, uretprobe } from '../../../src/links/hooks/user-probes/uprobe.ts'
import type { PerfEventLinkInfo } from '../../../src/links/info.ts'
import { Link } from '../../../src/links/link.ts'
import { taskFdQuery } from '../../../src/links/task-fd-query.ts'
import { Program } from '../../../src/programs/program.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { bpftoolLink, bpftoolPerf } from '../../support/bpftool.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { perfEvents } from '../../support/links/perf-events.ts'
import { UprobeCounter } from '../../support/links/uprobe-counter.ts'
import { makeUprobeTarget } from '../../support/links/uprobe-target.ts'
import { since } from '../../support/programs/features.ts'
import type { Requirement } from '../../support/requirements.ts'

const { uprobe: uprobes, perfEventLink } = features
const tellsCookie = since('6.9', 'The cookie in the info of a uprobe')
const tellsCounter = since('6.16', 'The reference counter in the info of a uprobe')
const noPerfEventLink = defineFeature('A kernel without links for perf events', undefined, () =>
  perfEventLink.probe() === 'no' ? 'yes' : 'no',
)
/** Every way to attach, and what it needs. */
const MODES = [
  ['link', [uprobes, perfEventLink]],
  ['perf', [uprobes]],
  ['legacy', [uprobes, 'tracefs']],
] as const satisfies readonly (readonly [ProbeMode, readonly (typeof uprobes | Requirement)[]])[]

const target = makeUprobeTarget()
process.on('exit', () => target[Symbol.dispose]())
const WRONG_PROGRAM = "it must be loaded without expectedAttachType, not with 'trace_uprobe_multi'"
const hex = (offset: number): string => `0x${offset.toString(16)}`

/** The lines of this process in `uprobe_events`. */
function events(): string[] {
  const lines = readFileSync('/sys/kernel/tracing/uprobe_events', 'utf8').split('\n')
  return lines.filter(line => line.includes(`ebpf_ts_${process.pid}/`))
}

for (const [mode, needs] of MODES) {
  kernelTest(`${mode}: a program runs at each call of a function, and no more once closed`, needs, t => {
    using counter = new UprobeCounter()
    const link = uprobe(counter.program, target.path, { symbol: 'alpha', mode })
    t.is(counter.during(target.run), 3)
    link.close()
    link.close()
    t.true(link.closed)
    t.is(counter.during(target.run), 0)
    t.is(perfEvents(), 0)
  })

  kernelTest(`${mode}: a program runs at each return of a function`, needs, t => {
    using counter = new UprobeCounter()
    using link = uretprobe(counter.program, target.path, { symbol: 'beta', mode })
    t.is(counter.during(target.run), 2)
    t.false(link.closed)
  })

  kernelTest(`${mode}: places by offset, by offset in a function, and by version`, needs, t => {
    using counter = new UprobeCounter()
    const { offsets, step } = target
    const cases: readonly (readonly [UprobeOptions, number])[] = [
      [{ offset: offsets.beta }, 2],
      [{ offset: offsets.alpha + step }, 3],
      [{ symbol: 'alpha', offset: step }, 3],
      [{ symbol: 'gamma@V1' }, 1],
      [{ symbol: 'gamma@@V2' }, 4],
      [{ symbol: 'gamma@V2' }, 4],
      // The default version.
      [{ symbol: 'gamma' }, 4],
    ]
    for (const [options, calls] of cases) {
      using _ = uprobe(counter.program, target.path, { ...options, mode })
      t.is(counter.during(target.run), calls, JSON.stringify(options))
    }
    using _ = uretprobe(counter.program, target.path, { offset: offsets['gamma@V1'], mode })
    t.is(counter.during(target.run), 1)
  })

  kernelTest(`${mode}: only the given process is watched`, needs, async t => {
    using counter = new UprobeCounter()
    const watched = await target.start(t)
    const other = await target.start(t)
    using _ = uprobe(counter.program, target.path, { symbol: 'alpha', pid: watched.pid!, mode })
    await target.finish(other)
    t.is(counter.hits(), 0)
    await target.finish(watched)
    t.is(counter.hits(), 3)
  })

  kernelTest(`${mode}: a reference counter is raised while attached`, needs, async t => {
    using counter = new UprobeCounter()
    t.is(target.run(), 0)
    const options = { symbol: 'alpha', refCtrOffset: target.counter, mode }
    const link = uprobe(counter.program, target.path, options)
    t.is(target.run(), 1)
    using second = uprobe(counter.program, target.path, { ...options, symbol: 'beta' })
    t.is(target.run(), 2)
    const running = await target.start(t)
    link.close()
    t.is(target.run(), 1)
    second.close()
    t.is(await target.finish(running), 0)
  })

  kernelTest(`${mode}: two probes of one place close in either order`, needs, t => {
    using one = new UprobeCounter()
    using two = new UprobeCounter()
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const links = [one, two].map(({ program }) => uprobe(program, target.path, { symbol: 'alpha', mode }))
      t.deepEqual([one.during(target.run), two.during(target.run)], [3, 3])
      links[order[0]]!.close()
      const open = order[1] === 0 ? one : two
      t.is(open.during(target.run), 3)
      links[order[1]]!.close()
      t.is(open.during(target.run), 0)
    }
    t.is(perfEvents(), 0)
  })

  kernelTest(`${mode}: the program may be closed before the link`, needs, t => {
    const counter = new UprobeCounter()
    using link = uprobe(counter.program, target.path, { symbol: 'alpha', mode })
    const { id } = counter.program.info()
    counter.program.close()
    t.is(counter.during(target.run), 3)
    t.is(Program.fromId(id)[Symbol.dispose](), undefined)
    link.close()
    counter[Symbol.dispose]()
  })

  kernelTest(`${mode}: a process that does not exist`, needs, t => {
    using counter = new UprobeCounter()
    t.throws(() => uprobe(counter.program, target.path, { symbol: 'alpha', pid: 0x7fff_fff0, mode }), {
      instanceOf: BpfError,
      code: 'ESRCH',
      message: `Cannot open uprobe ${target.path}:alpha: No such process (ESRCH): no process or thread has number 2147483632`,
    })
    t.is(perfEvents(), 0)
    if (mode === 'legacy') t.deepEqual(events(), [])
  })

  kernelTest(`${mode}: a program of another type is refused, and nothing stays`, needs, t => {
    using filter = Program.load({ name: 'filter', type: 'socket_filter', instructions: [mov(r0, 0), exit()] })
    t.throws(() => uprobe(filter, target.path, { symbol: 'alpha', mode }), {
      instanceOf: BpfError,
      code: 'ERR_PROGRAM_TYPE',
      message: `Cannot attach program filter to uprobe ${target.path}:alpha: the program is of type socket_filter, and the hook uprobe takes kprobe`,
    })
    t.is(perfEvents(), 0)
    if (mode === 'legacy') t.deepEqual(events(), [])
  })
}

kernelTest('legacy: the line in uprobe_events, which goes with the link', [uprobes, 'tracefs'], t => {
  using counter = new UprobeCounter()
  const { path, offsets, counter: counterAt } = target
  const mode = 'legacy'
  const entry = uprobe(counter.program, path, { symbol: 'alpha', mode })
  const back = uretprobe(counter.program, path, { symbol: 'beta', refCtrOffset: counterAt, mode })
  const place = (offset: number): string => `0x${offset.toString(16).padStart(16, '0')}`
  const [first, second, ...more] = events()
  t.deepEqual(more, [])
  t.regex(first!, new RegExp(`^p:ebpf_ts_${process.pid}/p_\\w+ ${path}:${place(offsets.alpha)}$`))
  t.regex(
    second!,
    new RegExp(`^r:ebpf_ts_${process.pid}/r_\\w+ ${path}:${place(offsets.beta)}\\(${hex(counterAt)}\\)$`),
  )
  t.deepEqual(
    listProbeEvents(`ebpf_ts_${process.pid}`).map(each => each.kind),
    ['uprobe', 'uprobe'],
  )
  entry.close()
  t.deepEqual(events(), [second])
  back.close()
  t.deepEqual(events(), [])
})

kernelTest(
  'legacy: a path that tracefs cannot read is refused, and no event is made',
  [uprobes, 'tracefs'],
  t => {
    using counter = new UprobeCounter()
    for (const name of ['a b', 'a#b', 'a\np:mine/injected /bin/sh:0x0']) {
      const path = join(target.directory, name.replaceAll('/', '_'))
      symlinkSync(target.path, path)
      t.teardown(() => rmSync(path))
      t.throws(() => uprobe(counter.program, path, { symbol: 'alpha', mode: 'legacy' }), {
        instanceOf: TypeError,
        message: /^Cannot create a probe on .*: tracefs takes no places with spaces or #$/,
      })
      t.deepEqual(events(), [])
      // The perf event takes any path.
      using _ = uprobe(counter.program, path, { symbol: 'alpha', mode: 'perf' })
      t.is(counter.during(target.run), 3)
    }
  },
)

kernelTest('each probe has its own cookie', [uprobes, perfEventLink], t => {
  const cookies = [7n, 0xffff_ffff_ffff_ffffn]
  using counter = new UprobeCounter({ cookies })
  using _alpha = uprobe(counter.program, target.path, { symbol: 'alpha', cookie: 7n })
  using _beta = uretprobe(counter.program, target.path, { symbol: 'beta', cookie: 0xffff_ffff_ffff_ffffn })
  target.run()
  t.deepEqual(
    cookies.map(each => counter.hits(each)),
    [3, 2],
  )
})

kernelTest('a cookie needs a link', [uprobes], t => {
  using counter = new UprobeCounter()
  for (const mode of ['perf', 'legacy'] as const) {
    t.throws(() => uprobe(counter.program, target.path, { symbol: 'alpha', cookie: 1n, mode }), {
      instanceOf: TypeError,
      message: `Cannot attach program count to uprobe ${target.path}:alpha: a cookie needs mode 'link' or 'auto', not '${mode}'`,
    })
  }
})

kernelTest('kernels without links for perf events say so', [uprobes, noPerfEventLink], t => {
  using counter = new UprobeCounter()
  for (const options of [{ mode: 'link' }, { cookie: 1n }] as const) {
    t.throws(() => uprobe(counter.program, target.path, { symbol: 'alpha', ...options }), {
      instanceOf: NotSupportedError,
      message: /5\.15/,
    })
  }
  t.is(perfEvents(), 0)
  using link = uprobe(counter.program, target.path, { symbol: 'alpha' })
  t.is(counter.during(target.run), 3)
  t.is(link.info().id, 0)
})

kernelTest('info of a link is what bpftool shows', [uprobes, perfEventLink, 'bpftool'], t => {
  const cookies = [9n]
  using counter = new UprobeCounter({ cookies })
  const { path, offsets, counter: counterAt } = target
  for (const [type, attach] of [['uprobe', uprobe] as const, ['uretprobe', uretprobe] as const]) {
    using link = attach(counter.program, path, { symbol: 'beta', cookie: 9n, refCtrOffset: counterAt })
    const info = link.info()
    const { id, programId, ...rest } = info as PerfEventLinkInfo
    t.is(programId, counter.program.info().id)
    const event = {
      type,
      file: path,
      offset: offsets.beta,
      refCtrOffset: tellsCounter.probe() === 'yes' ? BigInt(counterAt) : 0n,
      cookie: tellsCookie.probe() === 'yes' ? 9n : 0n,
    }
    t.deepEqual(rest, { type: 'perf_event', event })
    const shown = bpftoolLink(id)
    t.deepEqual([shown.type, shown.prog_id], ['perf_event', programId])
    // bpftool before 7.4 shows no more.
    if ('file' in shown) t.like(shown, { file: path, offset: offsets.beta })
    if ('cookie' in shown) t.is(shown.cookie, Number(event.cookie))
    t.deepEqual(bpftoolPerf(), [{ prog_id: programId, fd_type: type, filename: path, offset: offsets.beta }])
  }
})

for (const mode of ['perf', 'legacy'] as const) {
  const needs = mode === 'perf' ? [uprobes] : [uprobes, 'tracefs' as const]
  kernelTest(
    `${mode}: info comes from task_fd_query, and bpftool sees the same`,
    [...needs, 'bpftool'],
    t => {
      using counter = new UprobeCounter()
      const { path, offsets } = target
      for (const [kind, attach] of [['uprobe', uprobe] as const, ['uretprobe', uretprobe] as const]) {
        using link = attach(counter.program, path, { symbol: 'beta', mode })
        const programId = counter.program.info().id
        const offset = offsets.beta
        const asked = { programId, kind, name: path, offset: BigInt(offset), address: 0n }
        t.deepEqual(taskFdQuery(link.fd), asked)
        const event = { type: kind, file: path, offset, refCtrOffset: 0n, cookie: 0n } as const
        t.deepEqual(link.info(), { type: 'perf_event', id: 0, programId, event })
        t.deepEqual(bpftoolPerf(), [{ prog_id: programId, fd_type: kind, filename: path, offset }])
      }
    },
  )

  kernelTest(`${mode}: what a perf event cannot do`, needs, t => {
    using counter = new UprobeCounter()
    using link = uprobe(counter.program, target.path, { symbol: 'alpha', mode })
    for (const action of [() => link.update(counter.program), () => link.detach(), () => link.pin('/x')]) {
      t.throws(action, { instanceOf: NotSupportedError })
    }
    t.is(counter.during(target.run), 3)
    link.close()
    t.throws(() => link.info(), { code: 'ERR_CLOSED' })
    t.throws(() => link.fd, { code: 'ERR_CLOSED' })
  })
}

kernelTest('a pinned link outlives its descriptor', [uprobes, perfEventLink], t => {
  using bpffs = temporaryBpffs()
  using counter = new UprobeCounter()
  const link = uprobe(counter.program, target.path, { symbol: 'alpha' })
  const path = join(bpffs.path, 'alpha')
  const { id } = link.info()
  link.pin(path)
  link.close()
  t.is(perfEvents(), 0)
  t.is(counter.during(target.run), 3)
  using pinned = Link.loadPinned(path)
  t.is(pinned.info().id, id)
  pinned.unpin(path)
  t.is(counter.during(target.run), 3)
  pinned.close()
  t.is(counter.during(target.run), 0)
})

kernelTest('a link of a uprobe is neither updated nor detached', [uprobes, perfEventLink], t => {
  using counter = new UprobeCounter()
  using link = uprobe(counter.program, target.path, { symbol: 'alpha' })
  t.throws(() => link.update(counter.program), { instanceOf: BpfError })
  t.throws(() => link.detach(), { instanceOf: BpfError })
  t.is(counter.during(target.run), 3)
})

kernelTest(
  'a program for uprobe_multi cannot be attached to a uprobe',
  [uprobes, features.uprobeMulti],
  t => {
    using counter = new UprobeCounter({ attachType: 'trace_uprobe_multi' })
    t.throws(() => uprobe(counter.program, target.path, { symbol: 'alpha' }), {
      instanceOf: BpfError,
      code: 'EINVAL',
      message: new RegExp(`: ${WRONG_PROGRAM}$`),
    })
    t.is(perfEvents(), 0)
  },
)
