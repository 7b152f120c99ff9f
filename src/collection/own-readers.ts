/**
 * The readers behind `Collection.records`: one for each map, which closes with the collection.
 *
 * @module
 */

import type { Codec } from '../base/codec.ts'
import { BpfError } from '../base/errors.ts'
import type { BpfMap } from '../maps/map.ts'
import { openPerfBuffer } from '../readers/perf/open-perf-buffer.ts'
import type { PerfBuffer } from '../readers/perf/perf-buffer.ts'
import type { LostCallback } from '../readers/perf/perf-ring.ts'
import type { RingRecord } from '../readers/record.ts'
import type { RecordsOptions } from '../readers/record-stream.ts'
import { RingBuffer } from '../readers/ring-buffer.ts'

/** How to read a ring buffer or perf buffer of a collection. */
export interface CollectionRecordsOptions<T = unknown> extends RecordsOptions {
  /** Codec of the records. Default: the BTF type that the object names. */
  codec?: Codec<T, never>
  /**
   * Of a perf buffer: called with a CPU, the number of its records that had no room, and the name of the map, when the
   * kernel says so, in place of what was given before. Default: the first loss is a warning (`process.emitWarning`). What a
   * ring buffer has no room for only the program can count.
   */
  onLost?: LostCallback
  /** Of a perf buffer: pages of the ring of each CPU, a power of two. Default: 64. */
  pages?: number
}

/** A reader, and what it was opened with. */
interface OwnReader {
  readonly reader: RingBuffer | PerfBuffer
  readonly codec: Codec<unknown, never> | undefined
  readonly pages: number | undefined
}

/** The readers of a collection, by name of the map. */
export class OwnReaders {
  readonly #readers = new Map<string, OwnReader>()

  /**
   * Iterates over the records of a map; the first call for it opens the reader.
   *
   * @throws TypeError when the map has no records, or an option is not for its type
   * @throws BpfError `ERR_BUSY` when the reader was opened with another codec or other pages
   */
  records(
    name: string,
    map: BpfMap<unknown, unknown>,
    options: CollectionRecordsOptions,
  ): AsyncIterableIterator<RingRecord<unknown>, undefined> {
    const { codec, pages, ...recordsOptions } = options
    checkType(name, map.type, options)
    const known = this.#readers.get(name)
    if (known === undefined) return this.#open(name, map, options)
    const isOther = known.codec !== codec
    if (isOther || (pages !== undefined && pages !== known.pages)) {
      const reason = `it is being read with ${isOther ? 'another codec' : 'other pages'}`
      throw new BpfError(`Cannot read map ${name}: ${reason}`, { code: 'ERR_BUSY' })
    }
    return known.reader.records(recordsOptions)
  }

  #open(
    name: string,
    map: BpfMap<unknown, unknown>,
    { codec, pages, ...recordsOptions }: CollectionRecordsOptions,
  ): AsyncIterableIterator<RingRecord<unknown>, undefined> {
    const decoding = codec === undefined ? {} : { codec }
    const reader =
      map.type === 'ringbuf'
        ? RingBuffer.open(map, decoding)
        : openPerfBuffer(map, pages === undefined ? decoding : { ...decoding, pages })
    try {
      const records = reader.records(recordsOptions)
      this.#readers.set(name, { reader, codec, pages })
      return records
    } catch (error) {
      reader.close()
      throw error
    }
  }

  /** Those that were opened, to be closed. */
  *[Symbol.iterator](): Iterator<RingBuffer | PerfBuffer> {
    for (const { reader } of this.#readers.values()) yield reader
  }
}

function checkType(name: string, type: BpfMap['type'], { onLost, pages }: CollectionRecordsOptions): void {
  if (type === 'perf_event_array') return
  const fail = (reason: string): never => {
    throw new TypeError(`Cannot read map ${name}: ${reason}`)
  }
  if (type !== 'ringbuf')
    fail(`it is of type ${type}; records are in maps of type ringbuf and perf_event_array`)
  if (onLost !== undefined)
    fail('onLost is for perf buffers; what a ring buffer has no room for only the program can count')
  if (pages !== undefined) fail('pages is for perf buffers; a ring buffer has the size of its map')
}
