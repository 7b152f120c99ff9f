/**
 * The producer of user ring buffers.
 *
 * @module
 */

import type { Codec } from '../../base/codec.ts'
import { BpfError, closedError, withAction } from '../../base/errors.ts'
import { OwnedFd } from '../../syscalls/fd.ts'
import { pageSize, SharedMapping } from '../../syscalls/mmap.ts'
import { Claims, requireMapType } from '../claim.ts'
import { type ReaderMap, recordOrigin } from '../record-origin.ts'
import { checkedHandle, type RingHandle, requireMapOf } from '../ring-handle.ts'
import { HEADER_SIZE } from '../ring-records.ts'
import { FreeSpace } from './free-space.ts'
import { UserRecord } from './user-record.ts'
import { CONTROL_BYTES, FULL, UserRing } from './user-ring.ts'

/** How to write. */
export interface UserRingBufferOptions<T = unknown> {
  /** Codec of the records that are sent. Default: the BTF value type of the map, else the one that its object names. */
  codec?: Codec<unknown, T>
}

/** How to wait for space. */
export interface SpaceOptions {
  /** Ends the wait: the promise rejects with its reason. */
  signal?: AbortSignal
}

/** The kernel gives records to programs as dynptrs, which have 24 bits for their size. */
const MOST_BYTES = 2 ** 24 - 1

/**
 * Sends records to programs, which take them by `bpf_user_ringbuf_drain`: a map of type `'user_ringbuf'`. Since Linux
 * 6.1.
 *
 * Several threads of one process write to one ring: `share` in the thread that opened it, `join` in the others. What a
 * thread has reserved when it ends is discarded by the other producers: when they find the ring full, or call `recover`.
 * One process at a time may write to a map; opening it discards what an earlier one left unfinished.
 *
 * @typeParam T what `send` takes
 *
 * @example
 * using ring = UserRingBuffer.open(map, { codec: command })
 * await ring.sendWhenFree({ pid: 1, action: 2 })
 */
export class UserRingBuffer<T = unknown> implements Disposable {
  readonly #ring: UserRing
  readonly #memory: RingHandle
  readonly #fd: OwnedFd
  readonly #codec: () => Codec<unknown, T> | undefined
  /** Of the thread that opened the ring. */
  readonly #owned: { mapping: SharedMapping; claims: Claims } | undefined
  #space: FreeSpace | undefined
  #closed = false

  private constructor(
    handle: RingHandle,
    codec: () => Codec<unknown, T> | undefined,
    owned?: { mapping: SharedMapping; claims: Claims },
  ) {
    this.#memory = handle
    this.#codec = codec
    this.#owned = owned
    // First of all: the descriptor of a ring that was closed may be another's by now.
    this.#ring = new UserRing(handle, handle.name)
    let fd: OwnedFd | undefined
    try {
      fd = OwnedFd.copyOf(handle.fd, `map ${handle.name}`)
      if (owned === undefined) requireMapOf({ ...handle, fd: fd.fd }, 'user_ringbuf')
      this.#fd = fd
    } catch (error) {
      fd?.close()
      this.#ring.leave()
      throw error
    }
  }

  /**
   * Maps the memory of a user ring buffer, and discards every record that is unfinished: those that an earlier process left.
   * So one thread of the process opens a map, and the others `join`. The map may be closed afterwards. On failure nothing
   * stays open.
   *
   * @throws TypeError when the kernel says that the map is not of type `'user_ringbuf'`, or the codec has no `encode`
   * @throws BpfError `ERR_BUSY` when this thread has opened the map already; `ERR_NOT_A_MAP` for another descriptor
   * @throws BpfError when the kernel refuses, such as for a descriptor that is read-only
   */
  static open<T>(
    map: ReaderMap,
    options: UserRingBufferOptions<T> & { codec: Codec<unknown, T> },
  ): UserRingBuffer<T>
  static open(map: ReaderMap, options?: UserRingBufferOptions): UserRingBuffer
  static open(map: ReaderMap, options: UserRingBufferOptions = {}): UserRingBuffer {
    const given = checkedCodec(options)
    // The descriptor last, and nothing of the caller's after it: a getter may close the map.
    const { name, spec } = map
    const origin = recordOrigin(name, spec, given as Codec<unknown, never> | undefined)
    const { fd } = map
    const { id, maxEntries } = requireMapType(fd, name, 'user_ringbuf', 'write to')
    const page = pageSize()
    const length = page + 2 * maxEntries
    let mapping: SharedMapping | undefined
    const claims = new Claims({}, 'producer')
    try {
      claims.add(id)
      // The page of the consumer is the kernel's.
      mapping = SharedMapping.create(page + length, [
        { offset: 0, length: page, access: 'read', fd, fileOffset: 0 },
        { offset: page, length, access: 'read_write', fd, fileOffset: page },
      ])
      const control = new SharedArrayBuffer(CONTROL_BYTES)
      const handle = { name, fd, buffer: mapping.buffer, pageSize: page, size: maxEntries, control }
      const codec = () => origin.codec() as Codec<unknown, unknown> | undefined
      const opened = new UserRingBuffer(handle, codec, { mapping, claims })
      opened.#ring.abandonAll()
      return opened
    } catch (error) {
      claims.release()
      mapping?.close()
      throw error instanceof BpfError ? withAction(error, `Cannot open user ring buffer ${name}`) : error
    }
  }

  /**
   * Joins the producers of a ring that another thread of this process has opened and keeps open.
   *
   * @param handle what `share` returned there
   * @throws TypeError when the handle is not one, its descriptor is not that of a map of the ring's size, or the codec has no
   *   `encode`
   * @throws BpfError `ERR_CLOSED` when the ring was closed; `ERR_NOT_A_MAP`; `ERR_BUSY` when 64 producers have joined
   */
  static join<T>(
    handle: RingHandle,
    options: UserRingBufferOptions<T> & { codec: Codec<unknown, T> },
  ): UserRingBuffer<T>
  static join(handle: RingHandle, options?: UserRingBufferOptions): UserRingBuffer
  static join(handle: RingHandle, options: UserRingBufferOptions = {}): UserRingBuffer {
    const codec = checkedCodec(options)
    return new UserRingBuffer(checkedHandle('user ring buffer', handle, CONTROL_BYTES), () => codec)
  }

  /** What other threads of this process need for `join`. Keep this producer open as long as they write. */
  share(): RingHandle {
    this.#checkOpen()
    const { buffer, pageSize, size, control } = this.#memory
    return { name: this.name, fd: this.#fd.fd, buffer, pageSize, size, control }
  }

  /** Name of the map. */
  get name(): string {
    return this.#ring.name
  }

  /** Bytes of the ring. A record takes its own, rounded up to 8, and 8 for its header. */
  get size(): number {
    return this.#ring.size
  }

  /** Bytes that programs have not consumed: records, unfinished ones too, and their headers. 0 after `close`. */
  get usedBytes(): number {
    return this.#closed ? 0 : this.#ring.usedBytes
  }

  /** Whether the ring was closed, by this producer or by the one that opened it. */
  get closed(): boolean {
    return this.#closed || this.#ring.closed
  }

  /**
   * Reserves a record. Programs get no record behind it until it is submitted or discarded.
   *
   * @param length bytes
   * @returns `undefined` when the ring has no room for it now
   * @throws RangeError when it never has, or `length` is not a whole number
   * @throws BpfError `ERR_CLOSED`
   */
  reserve(length: number): UserRecord | undefined {
    this.#checkOpen()
    this.#checkLength(length)
    return this.#reserve(length)
  }

  #reserve(length: number): UserRecord | undefined {
    const offset = this.#ring.reserve(length)
    if (offset === FULL) return undefined
    return new UserRecord(this.#ring, offset, length)
  }

  /**
   * As `reserve`, waiting for room. Smaller records may go first meanwhile.
   *
   * @throws the signal's reason when it aborts
   * @throws RangeError, BpfError as `reserve` does
   */
  async reserveWhenFree(length: number, options: SpaceOptions = {}): Promise<UserRecord> {
    const signal = checkedSignal(options)
    this.#checkOpen()
    this.#checkLength(length)
    return this.#whenFree(() => this.#reserve(length), signal)
  }

  async #whenFree<R>(attempt: () => R | undefined, signal: AbortSignal | undefined): Promise<R> {
    signal?.throwIfAborted()
    const atOnce = attempt()
    if (atOnce !== undefined) return atOnce
    for (;;) {
      // The caller's encoder may have closed it.
      this.#checkOpen()
      this.#space ??= new FreeSpace(this.#fd.fd)
      // Before looking: what becomes free afterwards ends the wait.
      this.#space.clear()
      const result = attempt()
      if (result !== undefined) return result
      await this.#space.wait(signal)
      this.#checkOpen()
    }
  }

  /**
   * Sends a value.
   *
   * @returns `false` when the ring has no room for it now
   * @throws TypeError or RangeError when the value does not fit the type, as the codec says; nothing is sent
   * @throws RangeError when a value of this type never has room
   * @throws BpfError `ERR_NO_BTF` when there is neither a codec nor a type; `ERR_CLOSED`
   */
  send(value: T): boolean {
    this.#checkOpen()
    return this.#send(value, this.#requireCodec())
  }

  #send(value: T, codec: Codec<unknown, T>): boolean {
    const ring = this.#ring
    // Read once: it is the size that is checked.
    const { size } = codec
    this.#checkLength(size)
    const offset = ring.reserve(size)
    if (offset === FULL) return false
    try {
      codec.encode(value, ring.view, offset)
    } catch (error) {
      ring.finish(offset, size, true)
      throw sendError(this.name, error)
    }
    // An encoder may have closed the ring.
    if (!ring.finish(offset, size, false)) this.#checkOpen()
    return true
  }

  /**
   * As `send`, waiting for room. The value is encoded when there is.
   *
   * @throws the signal's reason when it aborts; otherwise as `send` does
   */
  async sendWhenFree(value: T, options: SpaceOptions = {}): Promise<void> {
    const signal = checkedSignal(options)
    this.#checkOpen()
    const codec = this.#requireCodec()
    await this.#whenFree(() => (this.#send(value, codec) ? true : undefined), signal)
  }

  /**
   * Discards what threads had reserved that have ended since, so that programs get the records behind it. Call it when a
   * worker that writes was terminated; a producer that finds the ring full does it too.
   *
   * @returns how many records
   * @throws BpfError `ERR_CLOSED`
   */
  recover(): number {
    this.#checkOpen()
    return this.#ring.recover()
  }

  #requireCodec(): Codec<unknown, T> {
    const codec = this.#codec()
    if (codec === undefined) {
      throw new BpfError(
        `Cannot send to user ring buffer ${this.name}: the map has no BTF of its type and no codec was given`,
        { code: 'ERR_NO_BTF' },
      )
    }
    return codec
  }

  #checkLength(length: number): void {
    const most = Math.min(MOST_BYTES, this.size - HEADER_SIZE)
    if (Number.isInteger(length) && length >= 0 && length <= most) return
    throw new RangeError(
      `Cannot reserve ${length} bytes in user ring buffer ${this.name}: a record has 0 to ${most}`,
    )
  }

  #checkOpen(): void {
    if (this.#closed) throw closedError(`User ring buffer ${this.name}`)
    this.#ring.checkOpen()
  }

  /**
   * Discards what is reserved, and leaves the producers. The one that opened the ring closes it for all of them: they get
   * `ERR_CLOSED` from then on. Records that were submitted stay in the map. Idempotent.
   *
   * @throws BpfError when the kernel has no memory for the change (`ENOMEM`); what it did not unmap stays mapped
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#space?.close()
    if (this.#owned === undefined) this.#ring.leave()
    else this.#ring.close()
    this.#fd.close()
    this.#owned?.claims.release()
    this.#owned?.mapping.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function checkedCodec<T>({ codec }: UserRingBufferOptions<T>): Codec<unknown, T> | undefined {
  if (codec !== undefined && typeof codec.encode !== 'function')
    throw new TypeError('Cannot write to a user ring buffer: the codec has no function encode')
  return codec
}

function checkedSignal({ signal }: SpaceOptions): AbortSignal | undefined {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new TypeError('Cannot write to a user ring buffer: the signal is not an AbortSignal')
  return signal
}

/** The error of an encoder, with what could not be done before its message. */
function sendError(name: string, error: unknown): unknown {
  const action = `Cannot send to user ring buffer ${name}`
  if (error instanceof TypeError) return new TypeError(`${action}: ${error.message}`, { cause: error })
  if (error instanceof RangeError) return new RangeError(`${action}: ${error.message}`, { cause: error })
  return error
}
