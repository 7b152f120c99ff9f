/**
 * The reader of a ring buffer that several threads read.
 *
 * @module
 */

import { BPF_F_RB_OVERWRITE } from '../../abi/generated/flags.ts'
import type { Codec } from '../../base/codec.ts'
import { BpfError, withAction } from '../../base/errors.ts'
import { syscallEntry } from '../../syscalls/entry.ts'
import { OwnedFd } from '../../syscalls/fd.ts'
import { pageSize, SharedMapping } from '../../syscalls/mmap.ts'
import { Claims, requireMapType } from '../claim.ts'
import type { RecordOrigin, RingView } from '../record.ts'
import { mapsToRead, type ReaderMap, recordOrigin } from '../record-origin.ts'
import { RecordStream, type RecordsOptions } from '../record-stream.ts'
import type { RingBufferOptions } from '../ring-buffer.ts'
import { checkedHandle, type RingHandle, requireMapOf } from '../ring-handle.ts'
import type { RingBatch } from './ring-batch.ts'
import { CONTROL_BYTES, SharedRing } from './shared-ring.ts'

/** What the thread that opened the ring has of it. */
interface Owned {
  readonly mapping: SharedMapping
  readonly fd: OwnedFd
  readonly claims: Claims
}

const KIND = 'shared ring buffer'

/**
 * Reads a ring buffer in several threads of one process: `share` in the thread that opens it, `join` in the others. Since
 * Linux 5.8. Each record is seen by one of them. Readers claim batches of records, read them in place, and say when they are
 * done; space is given back in order.
 *
 * A batch counts as seen when its `done` has returned. A thread that ends before that, terminated or not, has not seen it:
 * another reader gets the whole batch, with the same number. So no record is lost, and what a reader publishes under the
 * number of a batch, before `done`, is there once.
 *
 * @typeParam T what the value of a record is; `unknown` without a codec or a shape
 *
 * @example
 * using ring = SharedRingBuffer.join(workerData, { codec: event })
 * for await (const batch of ring.batches()) {
 *   batch.read(({ value }) => count(value))
 *   batch.done()
 * }
 */
export class SharedRingBuffer<T = unknown> implements Disposable {
  readonly #stream: RecordStream<RingBatch<T>, RingView<T>>
  readonly #ring: SharedRing<T>
  readonly #handle: RingHandle
  readonly #owned: Owned | undefined

  private constructor(
    handle: RingHandle,
    origin: RecordOrigin<T>,
    stream: RecordStream<RingBatch<T>, RingView<T>>,
    owned?: Owned,
  ) {
    this.#handle = handle
    this.#stream = stream
    this.#owned = owned
    this.#ring = new SharedRing(handle, origin)
    try {
      // After the ring: the descriptor of one that was closed may be another's by now.
      if (owned === undefined) requireMapOf(handle, 'ringbuf')
      stream.add(this.#ring, onReadable => syscallEntry().watch(handle.fd, onReadable))
    } catch (error) {
      this.#ring.close()
      throw error
    }
  }

  /**
   * Maps the memory of a ring buffer. The map may be closed afterwards. On failure nothing stays open.
   *
   * @throws TypeError when the kernel says that the map is not of type `'ringbuf'` or overwrites its records, or the codec
   *   is wrong
   * @throws BpfError `ERR_BUSY` when a reader of this thread has the map; `ERR_NOT_A_MAP` for another descriptor; when the
   *   kernel refuses, such as for a descriptor that is read-only
   */
  static open<T>(
    map: ReaderMap,
    options: RingBufferOptions<T> & { codec: Codec<T, never> },
  ): SharedRingBuffer<T>
  static open(map: ReaderMap, options?: RingBufferOptions): SharedRingBuffer
  static open(map: ReaderMap, options: RingBufferOptions = {}): SharedRingBuffer {
    const { codec } = options
    mapsToRead(KIND, map, codec)
    // The descriptor last, and nothing of the caller's after it: a getter may close the map.
    const { name, spec } = map
    const origin = recordOrigin(name, spec, codec)
    const { fd } = map
    const { id, maxEntries: size, flags } = requireMapType(fd, name, 'ringbuf')
    if ((flags & BPF_F_RB_OVERWRITE) !== 0)
      throw new TypeError(`Cannot share map ${name}: it overwrites its records (BPF_F_RB_OVERWRITE)`)
    const page = pageSize()
    const dataLength = page + 2 * size
    const stream = new RecordStream<RingBatch<unknown>, RingView<unknown>>(KIND)
    const claims = new Claims(stream)
    let mapping: SharedMapping | undefined
    let own: OwnedFd | undefined
    try {
      claims.add(id)
      mapping = SharedMapping.create(page + dataLength, [
        { offset: 0, length: page, access: 'read_write', fd, fileOffset: 0 },
        { offset: page, length: dataLength, access: 'read', fd, fileOffset: page },
      ])
      own = OwnedFd.copyOf(fd, `map ${name}`)
      const control = new SharedArrayBuffer(CONTROL_BYTES)
      const handle = { name, fd: own.fd, buffer: mapping.buffer, pageSize: page, size, control }
      return new SharedRingBuffer(handle, origin, stream, { mapping, fd: own, claims })
    } catch (error) {
      claims.release()
      own?.close()
      mapping?.close()
      throw error instanceof BpfError ? withAction(error, `Cannot open ${KIND} ${name}`) : error
    }
  }

  /**
   * Joins the readers of a ring that another thread of this process has opened and keeps open.
   *
   * @param handle what `share` returned there
   * @param options `codec`: the types of the map are not known here; without one, records are bytes
   * @throws TypeError when the handle is not one, its descriptor is not that of a map of the ring's size, or the codec is wrong
   * @throws BpfError `ERR_CLOSED` when the ring was closed; `ERR_NOT_A_MAP`; `ERR_BUSY` when 64 readers have joined
   */
  static join<T>(
    handle: RingHandle,
    options: RingBufferOptions<T> & { codec: Codec<T, never> },
  ): SharedRingBuffer<T>
  static join(handle: RingHandle, options?: RingBufferOptions): SharedRingBuffer
  static join(handle: RingHandle, options: RingBufferOptions = {}): SharedRingBuffer {
    const { codec } = options
    const checked = checkedHandle(KIND, handle, CONTROL_BYTES)
    mapsToRead(KIND, checked, codec)
    const origin = recordOrigin(checked.name, undefined, codec)
    return new SharedRingBuffer(checked, origin, new RecordStream(KIND))
  }

  /** What other threads of this process need for `join`. Keep the ring open as long as they read. */
  share(): RingHandle {
    this.#stream.checkIdle()
    this.#ring.checkOpen()
    return this.#handle
  }

  /**
   * Claims the next batch.
   *
   * @returns `undefined` when nothing can be claimed now
   * @throws BpfError `ERR_CLOSED`; `ERR_BUSY` when this reader has a batch that is not done
   */
  take(): RingBatch<T> | undefined {
    return this.#stream.take()
  }

  /**
   * Iterates over batches, waiting for more. Each has to be `done`, or given back, before the next one is asked for. It ends,
   * without an error, when this reader is closed or the signal aborts; leaving the loop with a batch that is not done keeps
   * the batch, until it is ended or the reader closed.
   *
   * While others have the oldest records, it looks for more after 1 to 32 ms.
   *
   * @throws BpfError `ERR_CLOSED`; `ERR_BUSY` when the last batch is not done
   * @throws TypeError when the signal is not an `AbortSignal`
   */
  batches(options?: RecordsOptions): AsyncIterableIterator<RingBatch<T>, undefined> {
    return this.#stream.records(options)
  }

  /**
   * Calls back for each record that is there now and that no other reader has, batch by batch, each of which is done when the
   * callback has returned for its last record. An error of the callback gives its batch back, the records before it too, and is
   * thrown; so does closing the reader within it, without an error.
   *
   * @param callback gets a view that is valid until it returns; see {@link RingView}
   * @returns how many records there were
   * @throws BpfError `ERR_CLOSED`; `ERR_BUSY` when called from its own callback, or with a batch that is not done
   * @throws TypeError when the callback is not a function
   */
  drain(callback: (record: RingView<T>) => void): number {
    return this.#stream.drain(callback)
  }

  /** Name of the map. */
  get name(): string {
    return this.#handle.name
  }

  /** Bytes that wait in the map or are being read: records, their headers of 8 bytes, and discarded ones. 0 after `close`. */
  get availableBytes(): number {
    return this.#ring.availableBytes
  }

  /** Whether the ring was closed, by this reader or by the one that opened it. */
  get closed(): boolean {
    return this.#stream.closed || this.#ring.closed
  }

  /**
   * Gives this reader's batch back, ends its iterations, and leaves the readers. The one that opened the ring closes it for all
   * of them: they get `ERR_CLOSED` from then on, and views read zeros. Records that were not seen stay in the map, and so
   * do those that were seen while older ones were not: let the others end first. Idempotent.
   *
   * @throws BpfError when the kernel has no memory for the change (`ENOMEM`); what it did not unmap stays mapped
   */
  close(): void {
    if (this.#stream.closed) return
    if (this.#owned !== undefined) this.#ring.closeAll()
    this.#stream.close()
    this.#owned?.claims.release()
    this.#owned?.fd.close()
    this.#owned?.mapping.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
