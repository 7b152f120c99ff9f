import { writeFileSync } from 'node:fs'
import { mov } from '../../../src/asm/alu.ts'
import { call, loadImm64, loadMapFd, loadMapValue } from '../../../src/asm/calls.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r1, r2, r3, r4 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { onlineCpus } from '../../../src/kernel/cpus.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'
import { PerfBuffer } from '../../../src/readers/perf/perf-buffer.ts'
import { PerfCounters } from '../../../src/readers/perf/perf-counters.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { eventually } from '../../support/poll.ts'
import { createPerfArray } from '../../support/readers/perf-programs.ts'

/** `BPF_F_TEST_RUN_ON_CPU`. */
const ON_CPU = 1

/** A program that reads the counter of its CPU into the value of an array, and returns what the helper did. */
function readingProgram(map: BpfMap, result: BpfMap): Program {
  return Program.load({
    name: 'read_counter',
    type: 'raw_tracepoint',
    license: 'GPL',
    instructions: [
      loadMapFd(r1, map),
      loadImm64(r2, 0xffff_ffffn),
      loadMapValue(r3, result),
      mov(r4, 24),
      call('perf_event_read_value'),
      exit(),
    ],
  })
}

/** Runs the program, and returns its errno with the value, the enabled and the running time. */
function readOn(cpu: number, program: Program, result: BpfMap): readonly bigint[] {
  const { returnValue } = program.testRun({ cpu, flags: ON_CPU })
  const bytes = result.get(new Uint8Array(4))!
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return [BigInt(returnValue | 0), ...[0, 8, 16].map(offset => view.getBigUint64(offset, true))]
}

const createResult = (): BpfMap =>
  BpfMap.create({ name: 'result', type: 'array', keySize: 4, valueSize: 24, maxEntries: 1 })

kernelTest('programs and user space read the counter of each CPU', [], async t => {
  using map = createPerfArray('counters')
  using result = createResult()
  using program = readingProgram(map, result)
  t.is(readOn(0, program, result)[0], -2n, 'no counter is there')
  using counters = PerfCounters.open(map, { event: 'cpu-clock' })
  t.is(counters.event, 'cpu-clock')
  t.deepEqual(counters.cpus, onlineCpus())
  for (const cpu of onlineCpus()) {
    const before = counters.read().find(each => each.cpu === cpu)!
    const [errno, value, enabled, running] = readOn(cpu, program, result)
    const after = counters.read().find(each => each.cpu === cpu)!
    t.is(errno, 0n)
    t.true(before.value <= value! && value! <= after.value)
    t.true(before.timeEnabled <= enabled! && enabled! <= after.timeEnabled)
    t.true(running! <= enabled! && running! > 0n)
  }
  counters.close()
  counters.close()
  t.is(readOn(0, program, result)[0], -2n)
  t.throws(() => counters.read(), { code: 'ERR_CLOSED' })
})

kernelTest('by numbers, on some CPUs', [], async t => {
  using map = createPerfArray('counters')
  const cpu = onlineCpus().at(-1)!
  using counters = PerfCounters.open(map, { type: 'software', config: 3, cpu })
  t.deepEqual(counters.cpus, [cpu])
  t.true(await eventually(() => counters.read()[0]!.value > 0n))
})

kernelTest('a counter of one thread', [], t => {
  using map = createPerfArray('counters')
  using counters = PerfCounters.open(map, { event: 'task-clock', pid: process.pid })
  const total = (): bigint => counters.read().reduce((sum, { value }) => sum + value, 0n)
  const before = total()
  for (let i = 0; i < 1e6; i++) Math.sqrt(i)
  t.true(total() > before)
  counters.refresh()
  t.deepEqual(counters.cpus, onlineCpus())
})

kernelTest('a CPU goes offline and comes back, and what it had counted is kept', ['guest'], async t => {
  const setOnline = (online: boolean): void =>
    writeFileSync('/sys/devices/system/cpu/cpu1/online', online ? '1' : '0')
  using map = createPerfArray('counters')
  using result = createResult()
  using program = readingProgram(map, result)
  using counters = PerfCounters.open(map, { event: 'cpu-clock' })
  const valueOf1 = (): bigint => counters.read().find(({ cpu }) => cpu === 1)!.value
  const before = valueOf1()
  t.teardown(() => setOnline(true))
  setOnline(false)
  counters.refresh()
  t.deepEqual(counters.cpus, [0])
  const kept = valueOf1()
  t.true(kept >= before)
  setOnline(true)
  t.true(await eventually(() => counters.cpus.length === 2))
  t.is(readOn(1, program, result)[0], 0n)
  t.true(valueOf1() > kept)
  t.is(counters.problem, undefined)
})

kernelTest('what cannot be counted is refused', [], t => {
  using map = createPerfArray('counters')
  t.throws(() => PerfCounters.open(map, {}), { instanceOf: TypeError, message: /give event/ })
  t.throws(() => PerfCounters.open(map, { event: 'cykles' }), {
    instanceOf: RangeError,
    message: /did you mean cycles/,
  })
  t.throws(() => PerfCounters.open(map, { event: 'cpu-clock', cpu: 70_000 }), {
    message: /CPU 70000 does not exist/,
  })
  t.throws(() => PerfCounters.open(map, { event: 'cpu-clock', cpu: [] }), { instanceOf: RangeError })
  t.throws(() => PerfCounters.open(map, { event: 'cpu-clock', pid: -1 }), {
    message: /-1 is not the id of a thread/,
  })
  t.throws(() => PerfCounters.open(map, { event: 'cpu-clock', pid: 2 ** 31 - 2 }), {
    instanceOf: BpfError,
    code: 'ESRCH',
  })
  using perf = PerfBuffer.open(map)
  t.throws(() => PerfCounters.open(map, { event: 'cpu-clock' }), { code: 'ERR_BUSY' })
  perf.close()
  using array = BpfMap.create({ name: 'a', type: 'array', keySize: 4, valueSize: 4, maxEntries: 1 })
  t.throws(() => PerfCounters.open(array, { event: 'cpu-clock' }), {
    instanceOf: TypeError,
    message: /it is of type array/,
  })
  using small = createPerfArray('small', 1)
  if (onlineCpus().length > 1)
    t.throws(() => PerfCounters.open(small, { event: 'cpu-clock' }), { message: /none for CPU 1; give it/ })
})
