import { writeFileSync } from 'node:fs'
import { u32 } from '../../../src/base/codecs.ts'
import { onlineCpus } from '../../../src/kernel/cpus.ts'
import { PerfBuffer } from '../../../src/readers/perf/perf-buffer.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { eventually } from '../../support/poll.ts'
import { createPerfArray, perfCpuProgram } from '../../support/readers/perf-programs.ts'

/** `BPF_F_TEST_RUN_ON_CPU`. */
const ON_CPU = 1

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
    t.is(send(1), 0)
    t.teardown(() => setOnline(1, true))
    setOnline(1, false)
    perf.refresh()
    t.deepEqual(perf.cpus, [0])
    t.is(send(0), 0)
    t.deepEqual(drain().sort(), [0, 1])
    setOnline(1, true)
    // The reader looks by itself.
    t.true(await eventually(() => perf.cpus.length === 2))
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
