import { writeFileSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { u32 } from '../../../src/base/codecs.ts'
import { onlineCpus } from '../../../src/kernel/cpus.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { PerfBuffer } from '../../../src/readers/perf/perf-buffer.ts'
import { PerfCounters } from '../../../src/readers/perf/perf-counters.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { eventually } from '../../support/poll.ts'
import { createPerfArray, perfCountingProgram, perfCpuProgram } from '../../support/readers/perf-programs.ts'
import { Checker, runInWorker } from '../../support/readers/ring-setup.ts'

/** `BPF_F_TEST_RUN_ON_CPU`. */
const ON_CPU = 1
/** What the kernel adds to records of a multiple of 8 bytes. */
const PADDING = 4

const setOnline = (cpu: number, online: boolean): void =>
  writeFileSync(`/sys/devices/system/cpu/cpu${cpu}/online`, online ? '1' : '0')

kernelTest('each CPU has a ring', [], t => {
  using map = createPerfArray()
  using program = perfCpuProgram(map)
  using perf = PerfBuffer.open(map, { codec: u32 })
  for (const cpu of onlineCpus()) t.is(program.testRun({ cpu, flags: ON_CPU }).returnValue, 0)
  const seen: number[] = []
  perf.drain(({ cpu, value }) => {
    t.is(value, cpu)
    seen.push(cpu)
  })
  t.deepEqual(
    seen.sort((a, b) => a - b),
    onlineCpus(),
  )
})

kernelTest('only some CPUs are read', [], t => {
  using map = createPerfArray()
  using program = perfCpuProgram(map)
  const last = onlineCpus().at(-1)!
  using perf = PerfBuffer.open(map, { codec: u32, cpus: [last] })
  for (const cpu of onlineCpus()) program.testRun({ cpu, flags: ON_CPU })
  const seen: number[] = []
  perf.drain(({ cpu }) => seen.push(cpu))
  t.deepEqual(seen, [last])
})

kernelTest(
  'a CPU goes offline and comes back: what it had sent is read, and what it sends',
  ['guest'],
  async t => {
    using map = createPerfArray()
    using program = perfCpuProgram(map)
    using perf = PerfBuffer.open(map, { codec: u32 })
    const send = (cpu: number): number => program.testRun({ cpu, flags: ON_CPU }).returnValue
    const drain = (): number[] => {
      const cpus: number[] = []
      perf.drain(({ value }) => cpus.push(value))
      return cpus
    }
    const all = onlineCpus().length
    t.is(send(1), 0)
    t.teardown(() => setOnline(1, true))
    setOnline(1, false)
    perf.refresh()
    t.deepEqual(perf.cpus, onlineCpus())
    t.is(send(0), 0)
    t.deepEqual(drain().sort(), [0, 1])
    setOnline(1, true)
    // The reader looks by itself.
    t.true(await eventually(() => perf.cpus.length === all))
    t.is(send(1), 0)
    t.deepEqual(drain(), [1])
    // Between two looks.
    setOnline(1, false)
    setOnline(1, true)
    perf.refresh()
    t.is(send(1), 0)
    t.deepEqual(drain(), [1])
    const iterator = perf.records()
    const next = iterator.next()
    setOnline(1, false)
    setOnline(1, true)
    perf.refresh()
    send(1)
    t.is((await next).value?.value, 1)
  },
)

kernelTest('an overwritable buffer keeps what a CPU sent before it went offline', ['guest'], t => {
  using map = createPerfArray()
  using program = perfCpuProgram(map)
  using perf = PerfBuffer.open(map, { codec: u32, overwritable: true, pages: 1 })
  program.testRun({ cpu: 1, flags: ON_CPU })
  t.teardown(() => setOnline(1, true))
  setOnline(1, false)
  perf.refresh()
  program.testRun({ cpu: 0, flags: ON_CPU })
  perf.pause()
  const cpus: number[] = []
  perf.drain(({ value }) => cpus.push(value), { limit: 1 })
  perf.refresh()
  perf.drain(({ value }) => cpus.push(value))
  t.deepEqual(cpus.sort(), [0, 1])
  perf.resume()
})

kernelTest(
  'records of all CPUs are whole and counted while one goes offline and comes back',
  ['guest'],
  async t => {
    using map = createPerfArray()
    const last = onlineCpus().at(-1)!
    const checker = new Checker()
    let lost = 0
    using perf = PerfBuffer.open(map, {
      pages: 4,
      onLost: (_, count) => {
        lost += count
      },
    })
    /** A producer in a thread, with records of its own: their numbers grow. */
    const start = () => {
      const counters = BpfMap.create({
        name: 'counters',
        type: 'array',
        keySize: 4,
        valueSize: 16,
        maxEntries: 1,
      })
      const program = perfCountingProgram(map, counters)
      t.teardown(() => {
        program.close()
        counters.close()
      })
      return { counters, ended: runInWorker(program, { repeat: 500, rounds: 20 }) }
    }
    t.teardown(() => setOnline(last, true))
    const producers = onlineCpus().map(start)
    let over = false
    const ended = Promise.all(producers.map(each => each.ended)).finally(() => {
      over = true
    })
    for (let online = false; !over; online = !online) {
      setOnline(last, online)
      for (let i = 0; i < 10 && !over; i++) {
        perf.drain(({ view, offset, length }) => checker.checkWhole(view, offset, length - PADDING))
        await turn()
      }
      perf.refresh()
    }
    await ended
    setOnline(last, true)
    perf.drain(({ view, offset, length }) => checker.checkWhole(view, offset, length - PADDING))
    perf.refresh()
    perf.drain(({ view, offset, length }) => checker.checkWhole(view, offset, length - PADDING))
    let [sent, refused] = [0n, 0n]
    for (const { counters } of producers) {
      const counted = new DataView(counters.get(new Uint8Array(4))!.buffer)
      sent += counted.getBigUint64(0, true)
      refused += counted.getBigUint64(8, true)
    }
    t.is(sent, BigInt(producers.length * 10_000))
    t.is(BigInt(checker.received) + refused, sent)
    t.is(checker.wrong, 0)
    // A full ring at least, however slow the reader was.
    t.true(checker.received > 100, `${checker.received} received`)
    // The kernel does not count what it refused for want of a ring, nor says what it lost last.
    t.true(BigInt(lost) <= refused, `${lost} lost, ${refused} refused`)
  },
)

kernelTest(
  'a CPU that comes and has no entry in the map is the problem of counters, not of the process',
  ['guest'],
  async t => {
    using map = createPerfArray('small', 1)
    t.teardown(() => setOnline(1, true))
    setOnline(1, false)
    using counters = PerfCounters.open(map, { event: 'cpu-clock' })
    t.deepEqual(counters.cpus, [0])
    setOnline(1, true)
    t.true(await eventually(() => counters.problem instanceof RangeError))
    t.deepEqual(counters.cpus, [0])
    t.true(counters.read()[0]!.value > 0n)
  },
)
