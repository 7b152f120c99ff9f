/**
 * Records of a ring buffer: the view of one in place, and the copy of one.
 *
 * @module
 */

import type { Codec } from '../base/codec.ts'
import { BpfError } from '../base/errors.ts'

/** Where records come from, and how to read them. */
export interface RecordOrigin<T> {
  /** Name of the map. */
  readonly name: string
  /** Codec of its records, made at the first call; `undefined` when their type is not known. */
  codec(): Codec<T, never> | undefined
}

/**
 * A record in place, in memory that the kernel shares. It is valid only during the callback that got it: there is one
 * such object per map, which moves on to the next record. Whatever is read from it later, or after the reader was
 * closed, is stale bytes or zeros, never a fault.
 *
 * The memory is read-only: writing through `view` or `data` ends the process with SIGSEGV.
 *
 * @typeParam T what its value is; `unknown` without a codec or a shape
 */
export interface RingView<T = unknown> {
  /** The ring's data, always the same view; the record lies at `offset`. */
  readonly view: DataView
  /** Where in `view` the record starts, in bytes; a multiple of 8. */
  readonly offset: number
  /** Bytes of the record. */
  readonly length: number
  /** The record's bytes, without a copy. A new object at every access: `view` is for the hot path. */
  readonly data: Uint8Array
  /** Name of the map. */
  readonly source: string
  /**
   * The record as a value, through the reader's codec, else that of the map's BTF. It is decoded at every access, and
   * stays valid.
   *
   * @throws BpfError `ERR_NO_BTF` when there is neither, `ERR_RECORD_SIZE` when the record is too short for its type
   * @throws ObjectFileError when the BTF has no such type
   */
  readonly value: T
}

/** The value of a record that was not decoded yet. */
const notDecoded = Symbol()

/**
 * A record that was copied: it stays valid.
 *
 * @typeParam T what its value is; `unknown` without a codec or a shape
 */
export class RingRecord<T = unknown> {
  /** The record's bytes. */
  readonly data: Uint8Array<ArrayBuffer>
  readonly #origin: RecordOrigin<T>
  #value: T | typeof notDecoded = notDecoded

  /** @internal */
  constructor(data: Uint8Array<ArrayBuffer>, origin: RecordOrigin<T>) {
    this.data = data
    this.#origin = origin
  }

  /** Name of the map it came from. */
  get source(): string {
    return this.#origin.name
  }

  /**
   * The record as a value, through the reader's codec, else that of the map's BTF. It is decoded at the first access.
   *
   * @throws BpfError `ERR_NO_BTF` when there is neither, `ERR_RECORD_SIZE` when the record is too short for its type
   * @throws ObjectFileError when the BTF has no such type
   */
  get value(): T {
    if (this.#value === notDecoded) this.#value = decodeCopy(this.#origin, this.data)
    return this.#value
  }
}

/** Up to so many bytes a record is decoded in memory that is there: V8 takes 250 ns to give a small array a buffer. */
const SHORT = 256

/** Where short records are decoded. */
interface Place {
  readonly bytes: Uint8Array
  readonly view: DataView
}

let spare: Place | undefined

function newPlace(): Place {
  const buffer = new ArrayBuffer(SHORT)
  return { bytes: new Uint8Array(buffer), view: new DataView(buffer) }
}

function decodeCopy<T>(origin: RecordOrigin<T>, data: Uint8Array): T {
  if (data.length > SHORT) {
    const view = new DataView(data.buffer, data.byteOffset, data.length)
    return decodeRecord(origin, view, 0, data.length)
  }
  const place = spare ?? newPlace()
  // Its codec may decode another record.
  spare = undefined
  place.bytes.set(data)
  try {
    return decodeRecord(origin, place.view, 0, data.length)
  } finally {
    spare = place
  }
}

/** Decodes the record of `length` bytes at `offset`; throws as `value` of a record does. */
export function decodeRecord<T>(origin: RecordOrigin<T>, view: DataView, offset: number, length: number): T {
  const codec = origin.codec()
  if (codec === undefined) {
    throw new BpfError(
      `Cannot decode a record of map ${origin.name}: the map has no BTF of its type and no codec was given`,
      { code: 'ERR_NO_BTF' },
    )
  }
  if (length < codec.size) {
    throw new BpfError(
      `Cannot decode a record of map ${origin.name}: it has ${length} bytes, its type has ${codec.size}`,
      { code: 'ERR_RECORD_SIZE' },
    )
  }
  return codec.decode(view, offset, length)
}
