/**
 * The producer's side of a ring buffer, as kernel/bpf/ringbuf.c has it, for tests of the consumer's side: it can start
 * at any position and stop in the middle of a record.
 *
 * @module
 */

import type { Codec } from '../../../src/base/codec.ts'
import { OverwritingRing } from '../../../src/readers/overwriting-ring.ts'
import { Ring } from '../../../src/readers/ring.ts'

const PAGE = 4096
const DATA = 2 * PAGE
/** Where the overwrite position is behind the producer's. */
const OVERWRITE = 16
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
  /** As readers take it. */
  readonly memory: { readonly buffer: SharedArrayBuffer; readonly pageSize: number; readonly size: number }
  readonly #view: DataView
  readonly #bytes: Uint8Array
  readonly #size: number
  readonly #overwrites: boolean
  /** The same memory as one that is overwritten. */
  readonly overwriting: OverwritingRing<unknown>
  /** Where records begin that are reserved. */
  readonly #reserved = new Set<bigint>()

  constructor({
    size = 4096,
    start = 0n,
    codec,
    overwrites = false,
  }: { size?: number; start?: bigint; codec?: Codec<unknown>; overwrites?: boolean } = {}) {
    this.#overwrites = overwrites
    const buffer = new SharedArrayBuffer(DATA + 2 * size)
    this.memory = { buffer, pageSize: PAGE, size }
    this.#size = size
    this.#view = new DataView(buffer)
    this.#bytes = new Uint8Array(buffer)
    this.#view.setBigUint64(0, start, true)
    this.#view.setBigUint64(PAGE, start, true)
    this.#view.setBigUint64(PAGE + OVERWRITE, start, true)
    const origin = { name: 'fake', codec: () => codec }
    this.ring = new Ring(buffer, PAGE, size, origin)
    this.overwriting = new OverwritingRing(buffer, PAGE, size, origin)
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
    if (!(this.#overwrites ? this.#makeRoom(end) : this.#hasRoom(this.consumer, end))) return undefined
    const offset = Number(position & BigInt(this.#size - 1))
    const setHeader = (flags: number): void => this.#putHeader(offset, (data.length | flags) >>> 0)
    setHeader(BUSY)
    for (let i = 0; i < data.length; i++) this.#put(offset + 8 + i, data[i]!)
    this.#view.setBigUint64(PAGE, end, true)
    this.#reserved.add(position)
    const finish = (flags: number) => (): void => {
      setHeader(flags)
      this.#reserved.delete(position)
    }
    return { submit: finish(0), discard: finish(DISCARDED) }
  }

  #hasRoom(oldest: bigint, end: bigint): boolean {
    return BigInt.asUintN(64, end - oldest) < BigInt(this.#size)
  }

  /** Moves the overwrite position up to `end`; `false` when a record that is being written lies in the way. */
  #makeRoom(end: bigint): boolean {
    const [pending = this.producer] = this.#reserved
    if (!this.#hasRoom(pending, end)) return false
    let position = this.#view.getBigUint64(PAGE + OVERWRITE, true)
    while (!this.#hasRoom(position, end)) {
      const at = DATA + Number(position & BigInt(this.#size - 1))
      const length = this.#view.getUint32(at, true) & (DISCARDED - 1)
      position = BigInt.asUintN(64, position + BigInt(8 + Math.ceil(length / 8) * 8))
    }
    this.#view.setBigUint64(PAGE + OVERWRITE, position, true)
    return true
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
