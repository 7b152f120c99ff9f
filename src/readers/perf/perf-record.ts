/**
 * Records of a perf buffer: the view of one in place, and the copy of one.
 *
 * @module
 */

import { type RecordOrigin, RingRecord } from '../record.ts'

/**
 * A record of a perf buffer in place. It is valid only during the callback that got it: there is one such object per ring,
 * which moves on to the next record. Whatever is read from it later is stale bytes or zeros, never a fault.
 *
 * The kernel pads what a program sends: `length` is up to 7 bytes more than that, unless a codec says the size of records.
 *
 * @typeParam T what its value is; `unknown` without a codec
 */
export interface PerfView<T = unknown> {
  /** Where the record lies: the data of the ring, or a copy of a record that goes round the ring's end. */
  readonly view: DataView
  /** Where in `view` the record starts, in bytes; a multiple of 4. */
  readonly offset: number
  /** Bytes of the record, padding included where its size is not known. */
  readonly length: number
  /** The record's bytes, without a copy. A new object at every access: `view` is for the hot path. */
  readonly data: Uint8Array
  /** Name of the map. */
  readonly source: string
  /** The CPU that the program ran on. */
  readonly cpu: number
  /**
   * The record as a value, through the reader's codec. It is decoded at every access, and stays valid.
   *
   * @throws BpfError `ERR_NO_BTF` without a codec, `ERR_RECORD_SIZE` when the record is too short for it
   */
  readonly value: T
}

/**
 * A record of a perf buffer that was copied: it stays valid. Its `data` may end with up to 7 bytes of padding, unless a
 * codec says the size of records.
 *
 * @typeParam T what its value is; `unknown` without a codec
 */
export class PerfRecord<T = unknown> extends RingRecord<T> {
  /** The CPU that the program ran on. */
  readonly cpu: number

  /** @internal */
  constructor(data: Uint8Array<ArrayBuffer>, origin: RecordOrigin<T>, cpu: number) {
    super(data, origin)
    this.cpu = cpu
  }
}
