import type { ExecutionContext } from 'ava'
import { add, mov } from '../../../src/asm/alu.ts'
import { call } from '../../../src/asm/calls.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { load, store } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3, r10 } from '../../../src/asm/registers.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { PerfEvent } from '../../../src/kernel/perf/perf-event.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { iter } from '../../../src/links/hooks/iter/iter.ts'
import { IterLink } from '../../../src/links/hooks/iter/iter-link.ts'
import { kprobeMulti } from '../../../src/links/hooks/kernel-probes/kprobe-multi.ts'
import { KprobeMultiLink } from '../../../src/links/hooks/kernel-probes/kprobe-multi-link.ts'
import { rawTracepoint } from '../../../src/links/hooks/kernel-probes/raw-tracepoint.ts'
import { tracepoint } from '../../../src/links/hooks/kernel-probes/tracepoint.ts'
import { attachPerfEvent } from '../../../src/links/hooks/perf-event/attach.ts'
import { PerfEventLink } from '../../../src/links/hooks/perf-event/perf-event-link.ts'
import { StructOpsLink } from '../../../src/links/hooks/struct-ops/struct-ops-link.ts'
import { uprobeMulti } from '../../../src/links/hooks/user-probes/uprobe-multi.ts'
import { UprobeMultiLink } from '../../../src/links/hooks/user-probes/uprobe-multi-link.ts'
import { KernelLink, Link } from '../../../src/links/link.ts'
import { Program } from '../../../src/programs/program.ts'
import { duplicateFd } from '../../../src/syscalls/descriptor.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { temporaryBpffs } from '../../support/bpffs.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { kprobeMultiInfo, uprobeMultiInfo } from '../../support/links/features.ts'
import { Recorder, TEST_FUNCTIONS } from '../../support/links/recorder.ts'
import { operations } from '../../support/links/struct-ops.ts'
import { UprobeCounter } from '../../support/links/uprobe-counter.ts'
import { makeUprobeTarget } from '../../support/links/uprobe-target.ts'
import { structOpsLink } from '../../support/maps/features.ts'
import { loadObject } from '../../support/objects.ts'

type LinkClass<L extends Link> = new (...args: never[]) => L

/** Opens a link by descriptor, by id, from a pin and in the list, and checks each: its class, and what `check` does. */
function openedAgain<L extends Link>(
  t: ExecutionContext,
  link: Link,
  expected: LinkClass<L>,
  check: (link: L, way: string) => void,
): void {
  using bpffs = temporaryBpffs()
  const path = `${bpffs.path}/link`
  link.pin(path)
  const { id } = link.info()
  const ways: Record<string, () => Link> = {
    fromFd: () => Link.fromFd(duplicateFd(syscallEntry(), link.fd)),
    fromId: () => Link.fromId(id),
    loadPinned: () => Link.loadPinned(path),
    list: () => {
      let found: Link | undefined
      for (const each of Link.list()) {
        if (each.info().id === id) found = each
        else each.close()
      }
      return found!
    },
  }
  for (const [way, open] of Object.entries(ways)) {
    using opened = open()
    t.is(opened.constructor, expected, way)
    t.is(opened.info().id, id, way)
    check(opened as L, way)
  }
  link.unpin(path)
}

/** A program for the iterator over maps that writes a byte for each map; it is called once more at the end. */
function loadIterator(): Program {
  return Program.load({
    name: 'walk',
    type: 'tracing',
    expectedAttachType: 'trace_iter',
    attachTarget: 'bpf_map',
    license: 'GPL',
    instructions: [
      store('u8', r10, -1, 0x2a),
      // The context starts with a pointer to `struct bpf_iter_meta`, and that with the `struct seq_file`.
      load('u64', r1, r1, 0),
      load('u64', r1, r1, 0),
      mov(r2, r10),
      add(r2, -1),
      mov(r3, 1),
      call('seq_write'),
      mov(r0, 0),
      exit(),
    ],
  })
}

kernelTest('an iterator link that is opened again can be read', [], t => {
  using program = loadIterator()
  using link = iter(program)
  using data = loadObject('sections', ['on_raw_tp'])
  t.true(data.maps.size > 0)
  const written = link.read()
  t.true(written.length >= 2)
  t.true(written.every(byte => byte === 0x2a))
  openedAgain(t, link, IterLink, opened => {
    t.deepEqual(opened.read(), written)
    t.is(opened.info().target, 'bpf_map')
  })
})

kernelTest('a perf event link that is opened again is one', ['tracefs', features.perfEventLink], t => {
  using loaded = loadObject('sections', ['on_tp'])
  const program = loaded.programs.get('on_tp')
  using link = tracepoint(program, 'sched', 'sched_switch')
  t.true(link instanceof PerfEventLink)
  openedAgain(t, link, PerfEventLink, opened => {
    // Before 6.6 the kernel describes an event only to the process that has its descriptor.
    t.true(['tracepoint', 'unspec'].includes(String(opened.info().event.type)))
  })
})

kernelTest('a kprobe_multi link that is opened again has its count', [features.kprobeMulti], t => {
  using recorder = new Recorder()
  using program = recorder.load({ type: 'kprobe', expectedAttachType: 'trace_kprobe_multi' })
  using link = kprobeMulti(program, { symbols: TEST_FUNCTIONS.slice(0, 3) })
  t.is(link.count, 3)
  const known = kprobeMultiInfo.probe() === 'yes'
  openedAgain(t, link, KprobeMultiLink, opened => {
    t.is(opened.count, known ? 3 : 0)
    t.deepEqual(opened.rejected, [])
  })
})

kernelTest('a uprobe_multi link that is opened again has its count', [features.uprobeMulti], t => {
  using target = makeUprobeTarget()
  using counter = new UprobeCounter({ attachType: 'trace_uprobe_multi' })
  using link = uprobeMulti(counter.program, target.path, { symbols: ['alpha', 'beta'] })
  t.is(link.count, 2)
  const known = uprobeMultiInfo.probe() === 'yes'
  openedAgain(t, link, UprobeMultiLink, opened => {
    t.is(opened.count, known ? 2 : 0)
  })
})

kernelTest('a link of operations that is opened again can be updated', [structOpsLink], t => {
  const spec = operations('linked')
  using first = Collection.load(spec)
  using second = Collection.load(spec)
  using link = first.attachStructOps('linked')
  openedAgain(t, link, StructOpsLink, opened => {
    t.is(opened.info().mapId, first.maps.get('linked').id)
  })
  t.throws(() => second.attachStructOps('linked'), { code: 'EEXIST' })
  using opened = Link.fromId(link.info().id)
  opened.update(second.maps.get('linked'))
  t.is((link as StructOpsLink).info().mapId, second.maps.get('linked').id)
})

kernelTest('a link that offers no more than any other is of the common class', [], t => {
  using loaded = loadObject('sections', ['on_raw_tp'])
  using link = rawTracepoint(loaded.programs.get('on_raw_tp'), 'sched_switch')
  openedAgain(t, link, KernelLink, opened => {
    t.is(opened.info().type, 'raw_tracepoint')
  })
})

kernelTest('an attachment without a link refuses what only a link can do', ['tracefs'], t => {
  using loaded = loadObject('sections', ['on_tp'])
  const event = PerfEvent.openTraceEvent('tracepoint', 'sched', 'sched_switch')
  const link = attachPerfEvent(loaded.programs.get('on_tp'), event, 'program', {
    hook: 'tracepoint',
    way: 'ioctl',
  })
  const what = 'an attachment to a perf event without a link'
  t.like(link.info(), { type: 'perf_event', id: 0, programId: loaded.programs.get('on_tp').info().id })
  t.throws(() => link.pin('/sys/fs/bpf/no'), {
    code: 'ERR_NOT_SUPPORTED',
    message: `Pinning ${what} is not supported by this kernel; links of perf events need Linux 5.15`,
  })
  for (const [action, use] of [
    ['Updating', () => link.update(loaded.programs.get('on_tp'))],
    ['Detaching', () => link.detach()],
  ] as const) {
    t.throws(use, {
      code: 'ERR_NOT_SUPPORTED',
      message: `${action} ${what} is not supported by this kernel; close it, and attach the program anew`,
    })
  }
  link.close()
  for (const use of [
    () => link.pin('/x'),
    () => link.update(loaded.programs.get('on_tp')),
    () => link.detach(),
  ]) {
    t.throws(use, { code: 'ERR_CLOSED', message: `${what} is closed` })
  }
  t.throws(() => link.info(), { code: 'ERR_CLOSED' })
})
