import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { struct, u32, u64 } from '../../../src/base/codecs.ts'
import { nrCpuIds, onlineCpus } from '../../../src/kernel/cpus.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { PerfBuffer } from '../../../src/readers/perf/perf-buffer.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import {
  createPerfArray,
  perfCountingProgram,
  perfOutputProgram,
} from '../../support/readers/perf-programs.ts'
import { CHECKSUM, MAX_RECORD } from '../../support/readers/record-code.ts'
import { ringBuffers, run, send } from '../../support/readers/ring-programs.ts'
import { bytes, countFds } from '../../support/readers/ring-setup.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes of a record as the kernel pads it: its size of 4 bytes stands before it. */
const padded = (data: Uint8Array): number[] => {
  const length = Math.ceil((data.length + 4) / 8) * 8 - 4
  return [...data, ...new Uint8Array(length - data.length)]
}

kernelTest('records come with their content and their CPU', [], t => {
  using map = createPerfArray()
  using program = perfOutputProgram(map)
  using perf = PerfBuffer.open(map)
  t.deepEqual(perf.cpus, onlineCpus())
  t.deepEqual(perf.maps, ['events'])
  const sent = [1, 4, 5, 12, 100, MAX_RECORD].map((length, i) => new Uint8Array(length).fill(i + 1))
  for (const data of sent) t.is(program.name && send(program, data), true)
  const received: number[][] = []
  const count = perf.drain(({ data, cpu, source, length }) => {
    t.true(onlineCpus().includes(cpu))
    t.is(source, 'events')
    t.is(length, data.length)
    received.push([...data])
  })
  t.is(count, sent.length)
  const bySize = (a: number[], b: number[]): number => a.length - b.length || a[0]! - b[0]!
  t.deepEqual(
    received.map(each => each.filter(byte => byte !== 0)).sort(bySize),
    sent.map(each => [...each]).sort(bySize),
  )
  t.deepEqual(
    received.map(({ length }) => length).sort((a, b) => a - b),
    sent.map(each => padded(each).length),
  )
  t.is(perf.availableBytes, 0)
})

kernelTest('a codec cuts the padding off', [], t => {
  using map = createPerfArray()
  using program = perfOutputProgram(map)
  const codec = struct({ a: u32, b: u64 })
  using perf = PerfBuffer.open(map, { codec })
  const data = new Uint8Array(codec.size)
  data[0] = 7
  for (let i = 0; i < 20; i++) send(program, data)
  let count = 0
  perf.drain(({ length, value }) => {
    count++
    t.is(length, codec.size)
    t.deepEqual(value, { a: 7, b: 0n })
  })
  t.is(count, 20)
})

kernelTest('records wrap around, are counted when they are lost, and none is torn', [], async t => {
  using map = createPerfArray()
  using counters = BpfMap.create({
    name: 'counters',
    type: 'array',
    keySize: 4,
    valueSize: 16,
    maxEntries: 1,
  })
  using program = perfCountingProgram(map, counters)
  const losses: number[] = []
  using perf = PerfBuffer.open(map, { pages: 1, onLost: (_, count) => losses.push(count) })
  let received = 0
  const check = (view: DataView, at: number): void => {
    const sequence = view.getBigUint64(at, true)
    if (view.getBigUint64(at + 8, true) !== BigInt.asUintN(64, sequence * BigInt(CHECKSUM)))
      t.fail(`${sequence}`)
    const words = 2 + Number(sequence & 7n)
    for (let i = 2; i < words; i++)
      if (view.getBigUint64(at + 8 * i, true) !== sequence) t.fail(`${sequence}`)
    received++
  }
  for (let round = 0; round < 24; round++) {
    run(program, 20 + round * 5)
    if (round % 2 === 0) perf.drain(({ view, offset }) => check(view, offset))
    else {
      const iterator = perf.records()
      while (perf.availableBytes > 0) {
        const { value } = await iterator.next()
        if (value === undefined) break
        check(new DataView(value.data.buffer, value.data.byteOffset, value.data.length), 0)
      }
      await iterator.return?.()
    }
  }
  // The kernel says what it lost with the next record.
  for (const _ of onlineCpus()) run(program, 1)
  perf.drain(({ view, offset }) => check(view, offset))
  const [sent, without] = ['0', '8'].map(at =>
    new DataView(counters.bytes().get(new Uint8Array(4))!.buffer).getBigUint64(Number(at), true),
  )
  const lost = perf.losses.reduce((sum, { count }) => sum + count, 0)
  t.is(
    losses.reduce((sum, count) => sum + count, 0),
    lost,
  )
  t.true(lost > 0)
  t.is(BigInt(received) + without!, sent!)
  t.true(BigInt(lost) <= without!)
})

kernelTest('for await waits, wakes up, and ends with close', [], async t => {
  using map = createPerfArray()
  using program = perfOutputProgram(map)
  const perf = PerfBuffer.open(map)
  const received: number[] = []
  const loop = (async () => {
    for await (const { data } of perf.records()) {
      received.push(data[0]!)
      if (received.length === 50) perf.close()
    }
  })()
  for (let i = 0; i < 50; i++) {
    send(program, bytes(i + 1))
    if (i % 7 === 0) await new Promise(resolve => setTimeout(resolve, 3))
    if (i % 11 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await loop
  t.is(received.length, 50)
  t.true(perf.closed)
})

kernelTest('a record that nobody follows up wakes the reader', [], async t => {
  using map = createPerfArray()
  using program = perfOutputProgram(map)
  using perf = PerfBuffer.open(map)
  const records = perf.records()
  for (let i = 1; i <= 20; i++) {
    // Before the wait, in the middle of it, and in the turn in which it begins.
    if (i % 3 === 0) send(program, bytes(i))
    const next = records.next()
    if (i % 3 === 1) send(program, bytes(i))
    if (i % 3 === 2) setTimeout(() => send(program, bytes(i)), 5)
    const { value } = await next
    t.is(value?.data[0], i)
  }
})

kernelTest('a watermark wakes the reader when so many bytes wait', [], async t => {
  using map = createPerfArray()
  using program = perfOutputProgram(map)
  using perf = PerfBuffer.open(map, { watermark: 400 * onlineCpus().length, cpus: onlineCpus() })
  let woken = false
  const next = perf.records().next()
  void next.then(() => {
    woken = true
  })
  // Whoever begins to wait looks once more, in the turns that follow; a timer may come before them on a slow machine.
  for (let i = 0; i < 3; i++) await new Promise(resolve => setImmediate(resolve))
  send(program, new Uint8Array(64))
  await new Promise(resolve => setTimeout(resolve, 50))
  t.false(woken)
  for (let i = 0; i < 30 * onlineCpus().length; i++) send(program, new Uint8Array(64))
  t.is((await next).value?.data.length, 68)
})

kernelTest('an overwritable buffer has the newest records, newest first, each once', [], t => {
  using map = createPerfArray()
  using program = perfOutputProgram(map)
  using perf = PerfBuffer.open(map, { overwritable: true, pages: 1 })
  const look = (): Map<number, number[]> => {
    const byCpu = new Map<number, number[]>()
    perf.drain(({ cpu, view, offset }) => {
      const numbers = byCpu.get(cpu) ?? []
      byCpu.set(cpu, numbers)
      numbers.push(view.getUint32(offset, true))
    })
    return byCpu
  }
  let next = 0
  const sendNumbers = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const data = new Uint8Array(100)
      new DataView(data.buffer).setUint32(0, ++next, true)
      t.true(send(program, data))
    }
  }
  t.throws(() => perf.drain(() => {}), { code: 'ERR_BUSY' })
  t.throws(() => perf.records(), { instanceOf: TypeError })
  sendNumbers(500)
  perf.pause()
  const first = look()
  const numbers = [...first.values()].flat()
  // A page has room for some 30 of them.
  t.true(numbers.length >= 20 && numbers.includes(500), `${numbers}`)
  for (const each of first.values())
    t.deepEqual(
      each,
      [...each].sort((a, b) => b - a),
    )
  t.is(look().size, 0)
  perf.resume()
  sendNumbers(3)
  perf.pause()
  t.deepEqual(
    [...look().values()].flat().sort((a, b) => a - b),
    [501, 502, 503],
  )
  t.is(perf.losses.length, 0)
})

kernelTest('what cannot be read is refused, and nothing stays open', [], t => {
  using hash = BpfMap.create({ name: 'h', type: 'hash', keySize: 4, valueSize: 4, maxEntries: 1 })
  using map = createPerfArray()
  const fds = countFds()
  t.throws(() => PerfBuffer.open(hash), { instanceOf: TypeError, message: /type hash, not perf_event_array/ })
  for (const pages of [0, 3, -1, 1.5, 2 ** 31, Number.NaN])
    t.throws(() => PerfBuffer.open(map, { pages }), { instanceOf: RangeError, message: /pages/ })
  t.throws(() => PerfBuffer.open(map, { wakeupEvents: 0 }), { instanceOf: RangeError })
  t.throws(() => PerfBuffer.open(map, { watermark: -1 }), { instanceOf: RangeError })
  t.throws(() => PerfBuffer.open(map, { cpus: [nrCpuIds()] }), {
    instanceOf: RangeError,
    message: /does not exist/,
  })
  t.throws(() => PerfBuffer.open(map, { cpus: [] }), { instanceOf: RangeError })
  t.throws(() => PerfBuffer.open([]), { instanceOf: TypeError })
  using reader = PerfBuffer.open(map)
  t.throws(() => PerfBuffer.open(map), { code: 'ERR_BUSY' })
  t.throws(() => reader.drain(() => reader.drain(() => {}), { limit: 0 }), { instanceOf: RangeError })
  reader.close()
  t.throws(() => reader.drain(() => {}), { code: 'ERR_CLOSED' })
  t.throws(() => reader.pause(), { code: 'ERR_CLOSED' })
  t.is(countFds(), fds)
})

kernelTest('a map with fewer entries than CPUs is refused, unless the CPUs are named', [], t => {
  using map = createPerfArray('few', 1)
  if (onlineCpus().length > 1)
    t.throws(() => PerfBuffer.open(map), { instanceOf: RangeError, message: /none for CPU 1; give it \d+/ })
  using perf = PerfBuffer.open(map, { cpus: [0] })
  t.deepEqual(perf.cpus, [0])
})

kernelTest('a closed reader leaves no entry behind, and another one can read', [], t => {
  using map = createPerfArray()
  using program = perfOutputProgram(map)
  for (let i = 0; i < 3; i++) {
    using perf = PerfBuffer.open(map)
    t.true(send(program, bytes(i)))
    let count = 0
    perf.drain(() => {
      count++
    })
    t.is(count, 1)
    perf.close()
    t.false(send(program, bytes(i)))
  }
})

kernelTest('the callback may close the reader, and throw', [], t => {
  using map = createPerfArray()
  using program = perfOutputProgram(map)
  using perf = PerfBuffer.open(map)
  for (let i = 0; i < 4; i++) send(program, bytes(i))
  t.throws(
    () =>
      perf.drain(() => {
        throw new Error('enough')
      }),
    { message: 'enough' },
  )
  let count = 0
  perf.drain(() => {
    count++
    perf.close()
  })
  t.is(count, 1)
})

kernelTest('losses may be answered by looking for CPUs, and by closing', [], async t => {
  using map = createPerfArray()
  using program = perfOutputProgram(map)
  for (const answer of ['refresh', 'close'] as const) {
    let answers = 0
    using perf = PerfBuffer.open(map, {
      pages: 1,
      onLost() {
        answers++
        perf[answer]()
      },
    })
    // More than all CPUs have room for.
    for (let i = 0; i < 40 * onlineCpus().length; i++) send(program, new Uint8Array(MAX_RECORD))
    const iterator = perf.records()
    const ended = (async () => {
      let count = 0
      for await (const _ of iterator) count++
      return count
    })()
    // The kernel says what was lost with the next record that has room.
    for (let i = 0; i < 10_000 && answers === 0; i++) {
      send(program, bytes(1))
      await new Promise(resolve => setImmediate(resolve))
    }
    perf.close()
    t.true((await ended) > 0)
    t.true(answers > 0)
    t.true(perf.losses.length > 0)
  }
})

kernelTest('a reader stays as long as something iterates over it', [], async t => {
  using map = createPerfArray()
  using program = perfOutputProgram(map)
  const open = (): [WeakRef<PerfBuffer>, ReturnType<PerfBuffer['records']>] => {
    const perf = PerfBuffer.open(map)
    return [new WeakRef(perf), perf.records()]
  }
  const [reader, iterator] = open()
  for (let i = 0; i < 3; i++) {
    collectGarbage()
    await new Promise(resolve => setTimeout(resolve, 1))
  }
  t.throws(() => PerfBuffer.open(map), { code: 'ERR_BUSY' })
  send(program, bytes(7))
  t.is((await iterator.next()).value?.data[0], 7)
  reader.deref()!.close()
})

kernelTest(
  'a reader that was lost without close gives its map back, one that waits does not',
  [ringBuffers],
  t => {
    const script = fileURLToPath(new URL('../../support/readers/lost-process.js', import.meta.url))
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', script], {
      encoding: 'utf8',
      timeout: 300_000,
      killSignal: 'SIGKILL',
    })
    const lines = ['ring', 'perf'].flatMap(kind => [`${kind} given back`, `${kind} given back after a loop`])
    t.deepEqual({ status, stdout, stderr }, { status: 0, stdout: `${lines.join('\n')}\n`, stderr: '' })
  },
)
