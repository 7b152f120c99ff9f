/**
 * The kernel's side of the ring of a perf event, as kernel/events/ring_buffer.c has it, for tests of the reader's side: it
 * can start at any position, lose records and write nonsense.
 *
 * @module
 */

import { perfRecordTypes } from '../../../src/abi/generated/enums.ts'
import { perfEventMmapPage } from '../../../src/abi/generated/layouts.ts'
import type { Codec } from '../../../src/base/codec.ts'
import { PerfBackwardRing } from '../../../src/readers/perf/perf-backward-ring.ts'
import { type LostCallback, type PerfMemory, PerfRing } from '../../../src/readers/perf/perf-ring.ts'

const PAGE = 4096

/** How to make one. */
export interface FakePerfOptions {
  readonly size?: number
  readonly start?: bigint
  readonly codec?: Codec<unknown>
  readonly onLost?: LostCallback
}

/** Memory laid out like that of a perf event, and what writes to it. */
export class FakePerfRing {
  readonly memory: PerfMemory
  readonly ring: PerfRing<unknown>
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #size: number
  #lost = 0

  constructor({ size = 4096, start = 0n, codec, onLost }: FakePerfOptions = {}) {
    const buffer = new SharedArrayBuffer(PAGE + size)
    this.#size = size
    this.#view = new DataView(buffer)
    this.#bytes = new Uint8Array(buffer)
    this.head = start
    this.tail = start
    this.memory = { buffer, pageSize: PAGE, size }
    this.ring = new PerfRing(this.memory, { name: 'fake', codec: () => codec }, 3, onLost)
  }

  get head(): bigint {
    return this.#view.getBigUint64(perfEventMmapPage.data_head, true)
  }

  set head(position: bigint) {
    this.#view.setBigUint64(perfEventMmapPage.data_head, position, true)
  }

  get tail(): bigint {
    return this.#view.getBigUint64(perfEventMmapPage.data_tail, true)
  }

  set tail(position: bigint) {
    this.#view.setBigUint64(perfEventMmapPage.data_tail, position, true)
  }

  /** Sends a sample; `false` when it has no room. What was lost is said before the next one that has. */
  output(data: Uint8Array): boolean {
    const size = Math.ceil((12 + data.length) / 8) * 8
    const sample = new Uint8Array(size)
    new DataView(sample.buffer).setUint32(8, size - 12, true)
    sample.set(data, 12)
    const lost = new Uint8Array(this.#lost > 0 ? 24 : 0)
    if (lost.length > 0) new DataView(lost.buffer).setBigUint64(16, BigInt(this.#lost), true)
    const free = BigInt(this.#size) - BigInt.asUintN(64, this.head - this.tail)
    if (free < BigInt(size + lost.length)) {
      this.#lost++
      return false
    }
    if (lost.length > 0) this.write(perfRecordTypes.lost, lost)
    this.#lost = 0
    this.write(perfRecordTypes.sample, sample)
    return true
  }

  /** Writes a record of any type: the header is filled in. */
  write(type: number, record: Uint8Array, size: number = record.length): void {
    const header = new DataView(record.buffer)
    header.setUint32(0, type, true)
    header.setUint16(6, size, true)
    const at = Number(this.head & BigInt(this.#size - 1))
    for (const [i, byte] of record.entries()) this.#bytes[PAGE + ((at + i) % this.#size)] = byte
    this.head = BigInt.asUintN(64, this.head + BigInt(record.length))
  }

  /** Writes a sample in front of all others, over the oldest ones. */
  prepend(data: Uint8Array): void {
    const size = Math.ceil((12 + data.length) / 8) * 8
    this.head = BigInt.asUintN(64, this.head - BigInt(size))
    const sample = new Uint8Array(size)
    new DataView(sample.buffer).setUint32(8, size - 12, true)
    sample.set(data, 12)
    const head = this.head
    this.write(perfRecordTypes.sample, sample)
    this.head = head
  }

  /** A reader of what {@link FakePerfRing.prepend} writes. */
  backward(): PerfBackwardRing<unknown> {
    return new PerfBackwardRing(this.memory, { name: 'fake', codec: () => undefined }, 3)
  }
}
