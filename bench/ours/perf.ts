/**
 * Rows of perf buffers.
 *
 * @module
 */

import { PerfBuffer } from 'ebpf-ts/readers'
import type { Sample } from '../protocol.ts'
import { now, type Setup } from '../work.ts'
import { checkRead, filled, type Producing, produce, type Read, sumOfBytesTo } from './ring.ts'
import { type Live, latencyOf, soakOf } from './ring-live.ts'

/** Of each CPU: all records of a row may be of one. */
const PAGES = 1024
/** What the kernel adds to records of a multiple of 8 bytes. */
const PADDING = 4

/** A loaded perf.bpf.o: a perf buffer, and a program that sends records. */
interface OpenedPerf extends Producing {
  readonly perf: PerfBuffer
}

function openPerf(producer: string, pages = PAGES): OpenedPerf {
  const producing = produce('bench/bpf/perf.bpf.o', producer)
  const { collection } = producing
  const perf = PerfBuffer.open(collection.maps.get('perf'), { pages })
  return {
    ...producing,
    perf,
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

const live = (producer: string, pages?: number): Live => {
  const opened = openPerf(producer, pages)
  return { ...opened, reader: opened.perf }
}

/** `perf-drain-8` to `perf-soak`. */
export const perfSetups: Readonly<Record<string, Setup>> = {
  'perf-drain-8': drain(8, 60_000),
  'perf-drain-32': drain(32, 26_000),
  'perf-drain-256': drain(256, 3900),
  'perf-copy-32': copy(26_000),
  'perf-for-await': forAwait,
  'perf-latency': latencyOf(() => live('produce_time')),
  'perf-soak': soakOf(() => live('produce_checked', 64), PADDING),
}
