/**
 * The producer's side of a ring buffer, as kernel/bpf/ringbuf.c has it, for tests of the consumer's side: it can start
 * at any position and stop in the middle of a record.
 *
 * @module
 */

import type { Codec } from '../../../src/base/codec.ts'
import { Ring } from '../../../src/readers/ring.ts'

const PAGE = 4096
const DATA = 2 * PAGE
const BUSY = 0x8000_0000
const DISCARDED = 0x4000_0000

/** A reserved record. */
export interface Reservation {
  submit(): void
  discard(): void
}

/** Memory laid out like a ring buffer's, and its producer. */
export class FakeRing {
  readonly ring: Ring<unknown>
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #size: number

  constructor({
    size = 4096,
    start = 0n,
    codec,
  }: { size?: number; start?: bigint; codec?: Codec<unknown> } = {}) {
    const buffer = new SharedArrayBuffer(DATA + 2 * size)
    this.#size = size
    this.#view = new DataView(buffer)
    this.#bytes = new Uint8Array(buffer)
    this.#view.setBigUint64(0, start, true)
    this.#view.setBigUint64(PAGE, start, true)
    this.ring = new Ring(buffer, PAGE, size, { name: 'fake', codec: () => codec })
  }

  get consumer(): bigint {
    return this.#view.getBigUint64(0, true)
  }

  /** Moves the consumer position, as only the reader should. */
  set consumer(position: bigint) {
    this.#view.setBigUint64(0, position, true)
  }

  get producer(): bigint {
    return this.#view.getBigUint64(PAGE, true)
  }

  /** Reserves a record and fills it in; `undefined` when the ring is full: the kernel leaves the last bytes free. */
  reserve(data: Uint8Array): Reservation | undefined {
    const position = this.producer
    const end = BigInt.asUintN(64, position + BigInt(8 + Math.ceil(data.length / 8) * 8))
    if (BigInt.asUintN(64, end - this.consumer) >= BigInt(this.#size)) return undefined
    const offset = Number(position & BigInt(this.#size - 1))
    const setHeader = (flags: number): void => this.#putHeader(offset, (data.length | flags) >>> 0)
    setHeader(BUSY)
    for (let i = 0; i < data.length; i++) this.#put(offset + 8 + i, data[i]!)
    this.#view.setBigUint64(PAGE, end, true)
    return { submit: () => setHeader(0), discard: () => setHeader(DISCARDED) }
  }

  /** Writes a record; `false` when the ring is full. */
  output(data: Uint8Array): boolean {
    const reservation = this.reserve(data)
    reservation?.submit()
    return reservation !== undefined
  }

  #putHeader(offset: number, value: number): void {
    for (let i = 0; i < 4; i++) this.#put(offset + i, (value >>> (8 * i)) & 0xff)
  }

  /** The kernel maps the data twice; here each byte is written twice. */
  #put(offset: number, byte: number): void {
    const at = DATA + (offset % this.#size)
    this.#bytes[at] = byte
    this.#bytes[at + this.#size] = byte
  }
}
