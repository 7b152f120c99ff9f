/**
 * Records in the memory of a ring buffer: their headers, and the view that a callback gets.
 *
 * A header is a word with the length and two flags, and a word that belongs to whoever writes. `ring.ts` explains the order
 * in which headers and records are read.
 *
 * Source: include/uapi/linux/bpf.h `BPF_RINGBUF_BUSY_BIT`; kernel/bpf/ringbuf.c `struct bpf_ringbuf_hdr`.
 *
 * @module
 */

import { decodeRecord, type RecordOrigin, type RingView } from './record.ts'

/** `BPF_RINGBUF_HDR_SZ`: u32 length and flags, u32 page offset. */
export const HEADER_SIZE = 8
/** `BPF_RINGBUF_BUSY_BIT`, the sign: the record is being written. */
export const BUSY = -0x8000_0000
/** `BPF_RINGBUF_DISCARD_BIT`. */
export const DISCARDED = 0x4000_0000
/** What of a header is the length. */
export const LENGTH_MASK = 0x3fff_ffff

/** What the fence is made of; its value means nothing. */
const fence = new Int32Array(new SharedArrayBuffer(4))

/** What is read behind it is read after what was read before it. */
export function loadFence(): void {
  Atomics.store(fence, 0, 0)
  Atomics.load(fence, 0)
}

/** Bytes from a header to the next one. */
export function stepOf(header: number): number {
  return HEADER_SIZE + (((header & LENGTH_MASK) + 7) & ~7)
}

/**
 * Finds the finished records from a position on. What they contain may be read when this has returned.
 *
 * @param words the whole memory of the ring
 * @param dataWord index of the first word of the data
 * @param mask bytes of the ring, less one
 * @param position low half
 * @param bytes to look at; a record that starts in them counts as a whole
 * @param limit greatest number of records, discarded ones included
 * @returns bytes of all of them
 */
export function findFinished(
  words: Int32Array,
  dataWord: number,
  mask: number,
  position: number,
  bytes: number,
  limit: number,
): number {
  let ready = 0
  let known = 0
  let step = HEADER_SIZE
  // A whole number also without a limit: the loop then needs no floating point.
  for (let left = Math.min(limit, bytes) | 0; ready < bytes && left > 0; left--) {
    const header = words[dataWord + (((position + ready) & mask) >>> 2)]!
    if (header !== known) {
      if (header < 0) break
      known = header
      step = stepOf(header)
    }
    ready += step
  }
  loadFence()
  return ready
}

/** The record that a callback sees. */
export class CurrentRecord<T> implements RingView<T> {
  readonly view: DataView
  offset = 0
  length = 0
  readonly #origin: RecordOrigin<T>

  constructor(view: DataView, origin: RecordOrigin<T>) {
    this.view = view
    this.#origin = origin
  }

  get source(): string {
    return this.#origin.name
  }

  get data(): Uint8Array {
    return new Uint8Array(this.view.buffer, this.view.byteOffset + this.offset, this.length)
  }

  get value(): T {
    return decodeRecord(this.#origin, this.view, this.offset, this.length)
  }
}
