/**
 * The reader of ring buffers.
 *
 * @module
 */

import { BPF_F_RB_OVERWRITE } from '../abi/generated/flags.ts'
import type { Codec } from '../base/codec.ts'
import { BpfError, withAction } from '../base/errors.ts'
import { syscallEntry } from '../syscalls/entry.ts'
import { pageSize, SharedMapping } from '../syscalls/mmap.ts'
import { Claims, requireMapType } from './claim.ts'
import { type OverwritingRing, overwritingRing } from './overwriting-ring.ts'
import type { RingRecord, RingView } from './record.ts'
import { mapsToRead, type ReaderMap, recordOrigin } from './record-origin.ts'
import { type DrainOptions, RecordStream, type RecordsOptions } from './record-stream.ts'
import { Ring } from './ring.ts'

/** How to read. */
export interface RingBufferOptions<T = unknown> {
  /** Codec of the records of all maps. Default: the BTF value type of each map. */
  codec?: Codec<T, never>
}

/** A map's memory and what is in it. */
interface Opened<T> {
  readonly mapping: SharedMapping
  readonly ring: Ring<T> | OverwritingRing<T>
}

/**
 * Reads the records of one or several ring buffers (Linux 5.8). A record leaves its ring when it was read: what is not
 * read stays there, until the ring is full and producers get an error. A map has one reader at a time.
 *
 * Of a map that overwrites its oldest records (`BPF_F_RB_OVERWRITE`, Linux 6.19), `drain` too gives copies: each is whole, and
 * what was overwritten before it was read is counted by {@link RingBuffer.overwrittenBytes}.
 *
 * The kernel wakes a waiting reader for the first record that it has not seen. Records that programs submit with
 * `BPF_RB_NO_WAKEUP` are found at the next wake-up or drain.
 *
 * @typeParam T what the value of a record is; `unknown` without a codec or a shape
 *
 * @example
 * using ring = RingBuffer.open(map)
 * for await (const { value } of ring.records()) console.log(value)
 */
export class RingBuffer<T = unknown> implements Disposable {
  readonly #stream = new RecordStream<RingRecord<T>, RingView<T>>('ring buffer')
  readonly #opened: Opened<T>[] = []
  readonly #claims = new Claims(this.#stream)

  private constructor() {}

  /**
   * Maps the memory of ring buffers. The maps may be closed afterwards. On failure nothing stays open.
   *
   * @throws TypeError when the kernel says that a map is not of type `'ringbuf'`, when no map or a wrong codec is given
   * @throws BpfError `ERR_BUSY` when a reader of this thread has one of the maps; `ERR_NOT_A_MAP` for another descriptor
   * @throws BpfError when the kernel refuses, such as for a descriptor that is read-only
   * @throws RangeError when the ring is greater than JavaScript can map: 2 GiB are too much for Node.js 20
   */
  static open<T>(
    source: ReaderMap | Iterable<ReaderMap>,
    options: RingBufferOptions<T> & { codec: Codec<T, never> },
  ): RingBuffer<T>
  static open(source: ReaderMap | Iterable<ReaderMap>, options?: RingBufferOptions): RingBuffer
  static open(source: ReaderMap | Iterable<ReaderMap>, options: RingBufferOptions = {}): RingBuffer {
    const maps = mapsToRead('ring buffer', source, options.codec)
    const reader = new RingBuffer()
    try {
      for (const map of maps) reader.#add(map, options.codec)
      return reader
    } catch (error) {
      reader.close()
      throw error
    }
  }

  #add(map: ReaderMap, codec: Codec<T, never> | undefined): void {
    // The descriptor last, and nothing of the caller's after it: a getter may close the map.
    const { name, spec } = map
    const origin = recordOrigin(name, spec, codec)
    const { fd } = map
    const { id, maxEntries, flags } = requireMapType(fd, name, 'ringbuf')
    const page = pageSize()
    const dataLength = page + 2 * maxEntries
    try {
      this.#claims.add(id)
      // The kernel allows writing to the consumer's page only, and only when it is mapped alone.
      const mapping = SharedMapping.create(page + dataLength, [
        { offset: 0, length: page, access: 'read_write', fd, fileOffset: 0 },
        { offset: page, length: dataLength, access: 'read', fd, fileOffset: page },
      ])
      const overwrites = (flags & BPF_F_RB_OVERWRITE) !== 0
      const ring = overwrites
        ? overwritingRing(mapping.buffer, page, maxEntries, origin)
        : new Ring(mapping.buffer, page, maxEntries, origin)
      this.#opened.push({ mapping, ring })
      this.#stream.add(ring, onReadable => syscallEntry().watch(fd, onReadable))
    } catch (error) {
      throw openError(name, error)
    }
  }

  /**
   * Calls back for each record that is there now, oldest first, without a copy. It does not wait, and what is written
   * meanwhile is for the next call. A record is consumed when its callback returns or throws; an error of the
   * callback ends the drain and is thrown. The callback may close the reader.
   *
   * @param callback gets a view that is valid until it returns; see {@link RingView}
   * @returns how many records there were
   * @throws BpfError `ERR_CLOSED`; `ERR_BUSY` when called from its own callback
   * @throws RangeError when the limit is not a positive integer
   * @throws TypeError when the callback is not a function
   */
  drain(callback: (record: RingView<T>) => void, options?: DrainOptions): number {
    return this.#stream.drain(callback, options)
  }

  /**
   * Iterates over copies of the records, waiting for more. It ends, without an error, when the reader is closed or the
   * signal aborts. Records are taken as they are asked for: leaving the loop loses none, and another one goes on
   * where it was left. The process is kept alive only while a record is waited for.
   *
   * Space is given back for several records at once, and when one is waited for: where a process dies or a worker is
   * terminated between, up to an eighth of the ring comes again to the next reader.
   *
   * @throws BpfError `ERR_CLOSED`
   * @throws TypeError when the signal is not an `AbortSignal`
   */
  records(options?: RecordsOptions): AsyncIterableIterator<RingRecord<T>, undefined> {
    return this.#stream.records(options)
  }

  /** Names of the maps, in the order in which they were given. */
  get maps(): string[] {
    return this.#stream.names
  }

  /**
   * Bytes that wait in each map, in the order of {@link RingBuffer.maps}: records, their headers of 8 bytes, and
   * discarded or unfinished ones. Zeros after `close`.
   */
  get availableBytes(): number[] {
    return this.#opened.map(({ ring }) => ring.availableBytes)
  }

  /**
   * Bytes that were overwritten in each map before they were read, as far as the reader has come: records and their
   * headers. 0 for maps that do not overwrite.
   */
  get overwrittenBytes(): number[] {
    return this.#opened.map(({ ring }) => ('overwrittenBytes' in ring ? ring.overwrittenBytes : 0))
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#stream.closed
  }

  /**
   * Unmaps the memory and ends iterations. Records that were not read stay in their maps. Idempotent.
   *
   * @throws BpfError when the kernel has no memory for the change (`ENOMEM`); what it did not unmap stays mapped
   */
  close(): void {
    if (this.#stream.closed) return
    this.#stream.close()
    this.#claims.release()
    const errors: unknown[] = []
    for (const { mapping } of this.#opened) {
      try {
        mapping.close()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** The same error, with the map before its message. */
function openError(name: string, cause: unknown): unknown {
  const action = `Cannot open ring buffer ${name}`
  if (cause instanceof RangeError) return new RangeError(`${action}: ${cause.message}`, { cause })
  return cause instanceof BpfError ? withAction(cause, action) : cause
}
