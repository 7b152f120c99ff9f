/**
 * The kernel's side of a user ring buffer, as kernel/bpf/ringbuf.c has it, and threads that live and die by order.
 *
 * @module
 */

import type { RingMemory } from '../../../src/readers/ring-handle.ts'
import type { ThreadIdentity, ThreadLife } from '../../../src/readers/threads/thread-life.ts'
import { CONTROL_BYTES, UserRing } from '../../../src/readers/user-ring/user-ring.ts'

const PAGE = 4096
const DATA = 2 * PAGE
const BUSY = 0x8000_0000
const DISCARDED = 0x4000_0000

/** Threads of a test. */
export class FakeThreads implements ThreadLife {
  /** The thread that calls. */
  now: ThreadIdentity = { tid: 1, start: 1 }
  readonly #dead = new Set<string>()

  current(): ThreadIdentity {
    return this.now
  }

  isAlive({ tid, start }: ThreadIdentity): boolean {
    return !this.#dead.has(`${tid} ${start}`)
  }

  /** Ends a thread. */
  kill({ tid, start }: ThreadIdentity): void {
    this.#dead.add(`${tid} ${start}`)
  }
}

/** Memory laid out like a user ring buffer's, and its consumer. */
export class FakeUserRing {
  readonly threads: FakeThreads = new FakeThreads()
  readonly memory: RingMemory
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #size: number
  #threads = 0

  constructor({ size = 4096, start = 0n }: { size?: number; start?: bigint } = {}) {
    const buffer = new SharedArrayBuffer(DATA + 2 * size)
    this.memory = { buffer, pageSize: PAGE, size, control: new SharedArrayBuffer(CONTROL_BYTES) }
    this.#size = size
    this.#view = new DataView(buffer)
    this.#bytes = new Uint8Array(buffer)
    this.#view.setBigUint64(0, start, true)
    this.#view.setBigUint64(PAGE, start, true)
  }

  /** A producer in a thread of its own. */
  join(): { ring: UserRing; thread: ThreadIdentity } {
    this.threads.now = { tid: 10, start: ++this.#threads }
    return { ring: new UserRing(this.memory, 'fake', this.threads), thread: this.threads.now }
  }

  get consumer(): bigint {
    return this.#view.getBigUint64(0, true)
  }

  get producer(): bigint {
    return this.#view.getBigUint64(PAGE, true)
  }

  /** Writes a record's bytes. The kernel maps the data twice; here what goes round the end is copied to its start. */
  fill(offset: number, data: Uint8Array): void {
    for (let i = 0; i < data.length; i++) this.#bytes[DATA + ((offset + i) % this.#size)] = data[i]!
  }

  /** What `bpf_user_ringbuf_drain` gives a program; throws when it would refuse. */
  drain(): number[][] {
    const records: number[][] = []
    for (;;) {
      const { consumer, producer } = this
      if (producer % 8n !== 0n) throw new Error('EINVAL: the producer position is not aligned')
      const available = BigInt.asIntN(64, producer - consumer)
      if (available <= 0n) return records
      const at = Number(consumer & BigInt(this.#size - 1))
      const header = this.#view.getUint32(DATA + at, true)
      const length = header & (DISCARDED - 1)
      const total = BigInt(8 + Math.ceil(length / 8) * 8)
      if (total > available) throw new Error(`EINVAL: ${total} bytes of ${available}`)
      if (total > BigInt(this.#size)) throw new Error('E2BIG')
      if ((header & DISCARDED) === 0) {
        if (header >= BUSY) return records
        const data = Array.from({ length }, (_, i) => this.#bytes[DATA + ((at + 8 + i) % this.#size)]!)
        records.push(data)
      }
      this.#view.setBigUint64(0, BigInt.asUintN(64, consumer + total), true)
    }
  }
}
