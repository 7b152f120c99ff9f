/**
 * Rows of perf buffers.
 *
 * @module
 */

import { setImmediate as turn } from 'node:timers/promises'
import { Collection, CollectionSpec, type Program } from 'ebpf-ts'
import { PerfBuffer } from 'ebpf-ts/readers'
import { quantile } from '../../src/bench/statistics.ts'
import type { Sample } from '../protocol.ts'
import { check, now, type Setup } from '../work.ts'
import { checkRead, type Fillable, filled, type Read, sumOfBytesTo } from './ring.ts'
import { isTorn, startProducer } from './ring-live.ts'

const PACKET = new Uint8Array(14)
/** Of each CPU: all records of a row may be of one. */
const PAGES = 1024
/** What the kernel adds to records of a multiple of 8 bytes. */
const PADDING = 4

/** A loaded perf.bpf.o: a perf buffer, and a program that sends records. */
interface OpenedPerf extends Fillable {
  readonly perf: PerfBuffer
  readonly program: Program
  restart(): void
  /** Records that were tried, and those that did not fit, since the last start. */
  counts(): { sent: number; lost: number }
}

function openPerf(producer: string, pages = PAGES): OpenedPerf {
  const spec = CollectionSpec.fromFile('bench/bpf/perf.bpf.o')
  for (const [name, program] of spec.programs) program.autoload = name === producer
  const collection = Collection.load(spec)
  const perf = PerfBuffer.open(collection.maps.get('perf'), { pages })
  const program = collection.programs.get(producer)
  const next = collection.variables.get('next')
  const dropped = collection.variables.get('dropped')
  const counts = (): { sent: number; lost: number } => ({
    sent: Number(next.get()),
    lost: Number(dropped.get()),
  })
  const restart = (): void => {
    next.set(0n)
    dropped.set(0n)
  }
  return {
    perf,
    program,
    counts,
    restart,
    fill(count) {
      restart()
      program.testRun({ data: PACKET, repeat: count })
      const { sent, lost } = counts()
      check(sent === count && lost === 0, `${lost} of ${sent} records did not fit`)
    },
    [Symbol.dispose]() {
      perf.close()
      collection.close()
    },
  }
}

function drain(size: number, count: number): Setup {
  return options => {
    const opened = openPerf(`produce_${size}`)
    const read = (): Read => {
      let sum = 0
      let bytes = 0
      const records = opened.perf.drain(({ view, offset, length }) => {
        sum += view.getUint32(offset, true)
        bytes += length
      })
      return { records, sum, bytes }
    }
    return filled(options, opened, count, read, result => checkRead(result, count, size + PADDING))
  }
}

function copy(count: number): Setup {
  return options => {
    const opened = openPerf('produce_32')
    const read = (): Read => {
      let sum = 0
      let bytes = 0
      const records = opened.perf.drain(record => {
        const data = record.data.slice()
        sum += data[0]!
        bytes += data.length
      })
      return { records, sum, bytes }
    }
    const expected = sumOfBytesTo(count)
    return filled(options, opened, count, read, result => checkRead(result, count, 32 + PADDING, expected))
  }
}

const BURST = 1000
/** So many bursts take about a millisecond. */
const BURSTS_PER_MILLISECOND = 3

const forAwait: Setup = ({ milliseconds }) => {
  const opened = openPerf('produce_32')
  const bursts = Math.ceil(milliseconds * BURSTS_PER_MILLISECOND)
  const records = opened.perf.records()
  return {
    async sweep(): Promise<Sample> {
      let time = 0
      for (let burst = 0; burst < bursts; burst++) {
        opened.fill(BURST)
        const read: Read = { records: 0, sum: 0, bytes: 0 }
        const start = now()
        for await (const { data } of { [Symbol.asyncIterator]: () => ({ next: () => records.next() }) }) {
          read.sum += data[0]!
          read.bytes += data.length
          if (++read.records === BURST) break
        }
        time += now() - start
        checkRead(read, BURST, 32 + PADDING, sumOfBytesTo(BURST))
      }
      return { ns: time / (bursts * BURST), ops: bursts * BURST }
    },
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  }
}

/** Milliseconds between records of an idle process. */
const PAUSE = 2
const LATENCIES = 100

const latency: Setup = ({ milliseconds }) => {
  const opened = openPerf('produce_time')
  const count = Math.min(LATENCIES, milliseconds)
  return {
    async sweep() {
      const samples: number[] = []
      const producer = await startProducer(opened, 1, PAUSE)
      for await (const { data } of opened.perf.records()) {
        const arrived = now()
        samples.push(arrived - Number(new DataView(data.buffer).getBigUint64(8, true)))
        if (samples.length === count) break
      }
      await producer.stop()
      opened.perf.drain(() => {})
      check(
        samples.every(each => each > 0),
        'a record came before it was made',
      )
      return { ns: quantile(samples, 0.5), ops: count, extra: { p99: quantile(samples, 0.99) } }
    },
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  }
}

const soak: Setup = ({ seconds }) => {
  const opened = openPerf('produce_checked', 64)
  return {
    async sweep() {
      opened.restart()
      let torn = 0
      const read = (): number =>
        opened.perf.drain(record => {
          if (isTorn(record, PADDING)) torn++
        })
      const producer = await startProducer(opened, 10_000, 0)
      const start = now()
      let received = 0
      while (now() - start < seconds * 1e9) {
        received += read()
        await turn()
      }
      const time = now() - start
      await producer.stop()
      received += read()
      const { sent, lost } = opened.counts()
      check(received > 0, 'nothing was received')
      const extra = { sent, received, lost, torn, missing: sent - received - lost }
      return { ns: time / received, ops: received, extra }
    },
    [Symbol.dispose]: () => opened[Symbol.dispose](),
  }
}

/** `perf-drain-8` to `perf-soak`. */
export const perfSetups: Readonly<Record<string, Setup>> = {
  'perf-drain-8': drain(8, 60_000),
  'perf-drain-32': drain(32, 26_000),
  'perf-drain-256': drain(256, 3900),
  'perf-copy-32': copy(26_000),
  'perf-for-await': forAwait,
  'perf-latency': latency,
  'perf-soak': soak,
}
