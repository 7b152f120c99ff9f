import test from 'ava'
import { selectEvent } from '../../../src/kernel/perf/event-attributes.ts'
import { parsePerfEvent } from '../../../src/kernel/perf/event-name.ts'

/** What `perf stat -vv -e NAME` shows as type and config. */
const EVENTS: readonly [name: string, type: number, config: bigint][] = [
  ['cycles', 0, 0n],
  ['cpu-cycles', 0, 0n],
  ['instructions', 0, 1n],
  ['cache-references', 0, 2n],
  ['branches', 0, 4n],
  ['branch-misses', 0, 5n],
  ['stalled-cycles-backend', 0, 8n],
  ['ref-cycles', 0, 9n],
  ['cpu-clock', 1, 0n],
  ['task-clock', 1, 1n],
  ['faults', 1, 2n],
  ['page-faults', 1, 2n],
  ['cs', 1, 3n],
  ['context-switches', 1, 3n],
  ['migrations', 1, 4n],
  ['minor-faults', 1, 5n],
  ['major-faults', 1, 6n],
  ['dummy', 1, 9n],
  ['L1-dcache-loads', 3, 0n],
  ['L1-dcache-load-misses', 3, 0x10000n],
  ['L1-dcache-stores', 3, 0x100n],
  ['L1-dcache-prefetch-misses', 3, 0x10200n],
  ['L1-icache-load-misses', 3, 0x10001n],
  ['LLC-store-misses', 3, 0x10102n],
  ['LLC', 3, 2n],
  ['LLC-misses', 3, 0x10002n],
  ['dTLB-load-misses', 3, 0x10003n],
  ['iTLB-load-misses', 3, 0x10004n],
  ['branch-load-misses', 3, 0x10005n],
  ['branch-loads', 3, 5n],
  ['node-prefetches', 3, 0x206n],
  ['r1a8', 4, 0x1a8n],
  ['rFFFFFFFFFFFFFFFF', 4, 0xffff_ffff_ffff_ffffn],
]

test('events have the numbers that perf gives them', t => {
  for (const [name, type, config] of EVENTS) t.deepEqual(parsePerfEvent(name), { name, type, config }, name)
})

test('modifiers say where events count, and how precise they are', t => {
  const user = { excludeUser: false, excludeKernel: true, excludeHypervisor: true }
  t.like(parsePerfEvent('cycles:u'), { type: 0, config: 0n, ...user })
  t.like(parsePerfEvent('r1a8:k'), { excludeUser: true, excludeKernel: false, excludeHypervisor: true })
  t.like(parsePerfEvent('LLC-misses:uk'), { excludeUser: false, excludeKernel: false })
  t.deepEqual(parsePerfEvent('cycles:pp'), { name: 'cycles:pp', type: 0, config: 0n, precise: 2 })
  t.like(parsePerfEvent('cycles:upp'), { ...user, precise: 2 })
})

test('what is not an event is refused, with what is like it', t => {
  const refused: readonly [name: string, message: RegExp][] = [
    ['cpu-clok', /^Cannot find perf event "cpu-clok": no event has this name; did you mean cpu-clock\?$/],
    ['', /no event has this name$/],
    ['rxyz', /no event has this name/],
    ['r12345678901234567', /no event has this name/],
    ['L1-dcache-flushes', /no event has this name/],
    ['cycles:x', /"x" are not modifiers: u, k, h, p/],
    ['cycles:pppp', /at most 3 times precise/],
    ['cycles:u:k', /more than one colon/],
    ['sched:', /no event has this name/],
    ['../etc/passwd/', /no event has this name/],
    ['nonesuch/event=1/', /this machine has no PMU "nonesuch"/],
  ]
  for (const [name, message] of refused)
    t.throws(() => parsePerfEvent(name), { instanceOf: RangeError, message }, name)
})

test('an event is selected by its name, or by its numbers', t => {
  t.deepEqual(selectEvent({ event: 'cs' }), { name: 'cs', type: 1, config: 3n })
  t.like(selectEvent({ type: 'software', config: 3 }), { type: 1, config: 3n, config1: 0n })
  t.like(selectEvent({ type: 42, config: 1n << 63n, config2: 7 }), {
    type: 42,
    config: 1n << 63n,
    config2: 7n,
  })
  t.throws(() => selectEvent({}), {
    instanceOf: TypeError,
    message: /give event, such as 'cpu-clock', or type/,
  })
  t.throws(() => selectEvent({ event: 'cs', type: 1 }), { instanceOf: TypeError })
  t.throws(() => selectEvent({ event: 7 as never }), { instanceOf: TypeError })
  t.throws(() => selectEvent({ type: 'softwear' as never }), {
    instanceOf: RangeError,
    message: /did you mean software/,
  })
  t.throws(() => selectEvent({ type: 1, config: -1 }), { instanceOf: RangeError })
  t.throws(() => selectEvent({ type: 1, config: 2n ** 64n }), { instanceOf: RangeError })
})
