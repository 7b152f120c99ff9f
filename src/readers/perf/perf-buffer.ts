/**
 * The reader of perf buffers.
 *
 * @module
 */

import type { Codec } from '../../base/codec.ts'
import { BpfError, withAction } from '../../base/errors.ts'
import { possibleCpus } from '../../kernel/cpus.ts'
import { syscallEntry } from '../../syscalls/entry.ts'
import { pageSize } from '../../syscalls/mmap.ts'
import { Claims, requireMapType } from '../claim.ts'
import { mapsToRead, type ReaderMap, recordOrigin } from '../record-origin.ts'
import { type DrainOptions, RecordStream, type RecordsOptions } from '../record-stream.ts'
import { RefreshSource } from '../refresh-source.ts'
import { steadyWatch } from '../steady-watcher.ts'
import { warnOfLoss } from './loss-warning.ts'
import { PerfBackwardRing } from './perf-backward-ring.ts'
import { type PerfCpu, PerfCpus, type PerfRingOptions } from './perf-cpus.ts'
import type { PerfRecord, PerfView } from './perf-record.ts'
import type { LostCallback } from './perf-ring.ts'

/** How to read. */
export interface PerfBufferOptions<T = unknown> {
  /**
   * Codec of the records of all maps. Its size is that of the records: the kernel's padding is cut off. Default: the type
   * that the object names for each map; without one records are bytes, padding included.
   */
  codec?: Codec<T, never>
  /** Pages of the ring of each CPU, a power of two. Default: 64. */
  pages?: number
  /** How many records of a CPU wake a waiting reader. What is left is found by the next wake-up or drain. Default: 1. */
  wakeupEvents?: number
  /** How many bytes of a CPU wake a waiting reader instead. */
  watermark?: number
  /** Numbers of the CPUs to read. Default: all that are online, and those that come online later. */
  cpus?: readonly number[]
  /**
   * Keeps the newest records instead of the oldest: the kernel writes over what is there. Read with `drain` between `pause`
   * and `resume`, newest first. Default: no.
   */
  overwritable?: boolean
  /**
   * Called with a CPU, the number of its records that had no room, and the name of the map, when the kernel says so. Default:
   * `records` warns once for each map (`process.emitWarning`), and `drain` only counts, in `losses`.
   */
  onLost?: LostCallback
}

/** How to iterate over the records of a perf buffer. */
export interface PerfRecordsOptions extends RecordsOptions {
  /** Called with losses from now on, in place of what was given before. */
  onLost?: LostCallback
}

/** The records that a CPU had no room for. */
export interface PerfLoss {
  /** Name of the map. */
  readonly source: string
  readonly cpu: number
  readonly count: number
}

/** 1 GiB: the greatest ring of which all positions between its ends have 31 bits. */
const MOST_BYTES = 2 ** 30
const DEFAULT_PAGES = 64

/**
 * Reads the records that programs send by `bpf_perf_event_output`, through maps of type `'perf_event_array'`.
 * Since Linux 4.3.
 * Each CPU has a ring of its own: records of one CPU are in order, those of several are not. A record without room is
 * lost, and counted. A map has one reader at a time.
 *
 * A reader sees the CPUs that are online, and looks once a second whether others have come.
 *
 * @typeParam T what the value of a record is; `unknown` without a codec
 *
 * @example
 * using perf = PerfBuffer.open(map, { codec: event, onLost: (cpu, count) => console.warn(`CPU ${cpu}: ${count} lost`) })
 * for await (const { value, cpu } of perf.records()) console.log(cpu, value)
 */
export class PerfBuffer<T = unknown> implements Disposable {
  readonly #stream = new RecordStream<PerfRecord<T>, PerfView<T>>('perf buffer')
  readonly #maps: PerfCpus<T>[] = []
  readonly #claims = new Claims(this.#stream)
  readonly #refresh: RefreshSource<PerfRecord<T>, PerfView<T>>
  readonly #overwritable: boolean
  #onLost: LostCallback | undefined
  /** Maps whose losses were warned of; `undefined` before the first iteration. */
  #warned: Set<string> | undefined
  /** Rings of CPUs that went offline. Their records are read before they are closed. */
  readonly #ended = new Set<PerfCpu<T>>()
  /** What those had lost that were closed. */
  readonly #losses = new Map<string, PerfLoss>()
  #paused = false

  private constructor({ overwritable, onLost }: PerfRingOptions) {
    this.#overwritable = overwritable
    this.#onLost = onLost
    this.#refresh = new RefreshSource(() => this.refresh())
  }

  /**
   * Opens the rings of perf event arrays. The maps may be closed afterwards. On failure nothing stays open.
   *
   * @throws TypeError when the kernel says that a map is not of type `'perf_event_array'`, when no map or a wrong codec is
   *   given
   * @throws RangeError when `pages` is not a power of two or too many, another number is out of range, a map has fewer
   *   entries than CPUs are read, or a CPU does not exist
   * @throws BpfError `ERR_BUSY` when a reader of this thread has one of the maps; `ERR_NOT_A_MAP` for another descriptor;
   *   `EPERM` when the memory of the rings is more than the user may lock; when the kernel refuses otherwise
   */
  static open<T>(
    source: ReaderMap | Iterable<ReaderMap>,
    options: PerfBufferOptions<T> & { codec: Codec<T, never> },
  ): PerfBuffer<T>
  static open(source: ReaderMap | Iterable<ReaderMap>, options?: PerfBufferOptions): PerfBuffer
  static open(source: ReaderMap | Iterable<ReaderMap>, options: PerfBufferOptions = {}): PerfBuffer {
    const { codec } = options
    const maps = mapsToRead('perf buffer', source, codec)
    const rings = checkOptions(options)
    const reader = new PerfBuffer(rings)
    try {
      const onLost: LostCallback = (cpu, count, source) => reader.#lose(cpu, count, source)
      for (const map of maps) reader.#add(map, codec, { ...rings, onLost })
      reader.refresh()
      reader.#stream.add(reader.#refresh, reader.#refresh.watch)
      return reader
    } catch (error) {
      reader.close()
      throw error
    }
  }

  #add(map: ReaderMap, codec: Codec<T, never> | undefined, options: PerfRingOptions): void {
    // The descriptor last, and nothing of the caller's after it: a getter may close the map. The value of such a map is a
    // descriptor: its type is not that of the records.
    const { name, spec } = map
    const { btf, recordTypeId } = spec ?? {}
    const origin = recordOrigin(name, { ...(btf && { btf }), ...(recordTypeId && { recordTypeId }) }, codec)
    const { fd } = map
    const facts = requireMapType(fd, name, 'perf_event_array')
    try {
      this.#claims.add(facts.id)
      this.#maps.push(new PerfCpus(fd, facts, origin, options))
    } catch (error) {
      throw error instanceof BpfError ? withAction(error, `Cannot open perf buffer ${name}`) : error
    }
  }

  /**
   * Looks for CPUs that have come online or gone offline, which the reader does by itself once a second. Records of a CPU
   * without a ring are lost uncounted: the program gets `-ENOENT`.
   *
   * @throws BpfError when the kernel refuses
   * @throws RangeError when a map has no entry for a CPU that came
   */
  refresh(): void {
    this.#stream.checkIdle()
    for (const each of this.#ended) if (each.ring.availableBytes === 0) this.#remove(each)
    for (const cpus of this.#maps) {
      cpus.refresh(
        ring => this.#start(ring),
        ring => this.#ended.add(ring),
      )
    }
  }

  #start(cpu: PerfCpu<T>): void {
    if (this.#paused) cpu.event.pauseOutput(true)
    this.#stream.add(
      cpu.ring,
      steadyWatch(onReadable => syscallEntry().watch(cpu.event.fd, onReadable)),
    )
  }

  #remove(ended: PerfCpu<T>): void {
    this.#ended.delete(ended)
    this.#count(this.#losses, ended)
    this.#stream.remove(ended.ring)
    ended.close()
  }

  #count(losses: Map<string, PerfLoss>, { ring: { name, cpu, lost } }: PerfCpu<T>): void {
    const key = `${cpu} ${name}`
    const count = (losses.get(key)?.count ?? 0) + lost
    if (count > 0) losses.set(key, { source: name, cpu, count })
  }

  /**
   * Calls back for each record that is there now, without a copy. Records of one CPU come oldest first; when the buffer is
   * overwritable newest first, and each once. It does not wait, and what is written meanwhile is for the next call. A
   * record is consumed when its callback returns or throws; an error of the callback ends the drain and is thrown. The
   * callback may close the reader.
   *
   * @param callback gets a view that is valid until it returns; see {@link PerfView}
   * @returns how many records there were
   * @throws BpfError `ERR_CLOSED`; `ERR_BUSY` when called from its own callback, and when an overwritable buffer is not
   *   paused; `ERR_RECORD_SIZE` when what the ring holds is not a record: what else it holds is skipped
   * @throws RangeError when the limit is not a positive integer
   * @throws TypeError when the callback is not a function
   */
  drain(callback: (record: PerfView<T>) => void, options?: DrainOptions): number {
    if (this.#overwritable && !this.closed) {
      if (!this.#paused) {
        const reason = 'the kernel writes to it; pause it first'
        throw new BpfError(`Cannot drain perf buffer ${this.maps.join(', ')}: ${reason}`, {
          code: 'ERR_BUSY',
        })
      }
      for (const { ring } of [...this.#rings(), ...this.#ended])
        if (ring instanceof PerfBackwardRing) ring.begin()
    }
    return this.#stream.drain(callback, options)
  }

  /**
   * Iterates over copies of the records, waiting for more; as `RingBuffer.records`. The first loss of a map for which no
   * `onLost` was given is a warning of the process, `EBPF_TS_RECORDS_LOST`.
   *
   * @throws BpfError `ERR_CLOSED`
   * @throws TypeError when the signal is not an `AbortSignal`, `onLost` is not a function, or the buffer is overwritable
   */
  records(options: PerfRecordsOptions = {}): AsyncIterableIterator<PerfRecord<T>, undefined> {
    if (this.#overwritable)
      throw new TypeError('An overwritable perf buffer is read with drain, while it is paused')
    const { onLost } = options
    if (onLost !== undefined && typeof onLost !== 'function')
      throw new TypeError(`Cannot read perf buffer ${this.maps.join(', ')}: onLost is not a function`)
    const iterator = this.#stream.records(options)
    this.#onLost = onLost ?? this.#onLost
    this.#warned ??= new Set()
    return iterator
  }

  #lose(cpu: number, count: number, source: string): void {
    if (this.#onLost !== undefined) this.#onLost(cpu, count, source)
    else if (this.#warned?.has(source) === false) {
      this.#warned.add(source)
      warnOfLoss(cpu, count, source)
    }
  }

  /**
   * Stops the kernel from writing; what programs send meanwhile is lost uncounted. Since Linux 4.7. Idempotent.
   *
   * @throws BpfError `ERR_CLOSED`, or when the kernel refuses
   */
  pause(): void {
    this.#pause(true)
  }

  /**
   * Lets the kernel write again. Idempotent.
   *
   * @throws BpfError `ERR_CLOSED`, or when the kernel refuses
   */
  resume(): void {
    this.#pause(false)
  }

  #pause(paused: boolean): void {
    this.#stream.checkIdle()
    for (const { event } of this.#rings()) event.pauseOutput(paused)
    this.#paused = paused
  }

  *#rings(): Generator<PerfCpu<T>, undefined> {
    for (const map of this.#maps) yield* map.open
    return undefined
  }

  /** Names of the maps, in the order in which they were given. */
  get maps(): string[] {
    return this.#maps.map(({ origin }) => origin.name)
  }

  /** Numbers of the CPUs that are read now, ascending. */
  get cpus(): number[] {
    return [...new Set(this.#maps.flatMap(each => each.cpus))].sort((a, b) => a - b)
  }

  /** Bytes that wait on all CPUs: records and their headers. 0 after `close`. */
  get availableBytes(): number {
    let sum = 0
    for (const { ring } of [...this.#rings(), ...this.#ended]) sum += ring.availableBytes
    return sum
  }

  /**
   * The records that had no room, by map and CPU, as far as the reader has come: the kernel puts the number before the
   * next record that it has room for. CPUs without losses are left out.
   */
  get losses(): PerfLoss[] {
    const losses = new Map(this.#losses)
    for (const each of [...this.#rings(), ...this.#ended]) this.#count(losses, each)
    return [...losses.values()]
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#stream.closed
  }

  /**
   * Takes the rings out of their maps, ends them, and ends iterations. Records that were not read are gone. Idempotent.
   *
   * @throws BpfError when the kernel has no memory for the change (`ENOMEM`); what it did not unmap stays mapped
   */
  close(): void {
    if (this.closed) return
    for (const each of [...this.#rings(), ...this.#ended]) this.#count(this.#losses, each)
    this.#stream.close()
    this.#refresh.close()
    this.#claims.release()
    const errors: unknown[] = []
    for (const each of [...this.#maps, ...this.#ended]) {
      try {
        each.close()
      } catch (error) {
        errors.push(error)
      }
    }
    this.#ended.clear()
    if (errors.length > 0) throw errors[0]
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function checkOptions(options: PerfBufferOptions): PerfRingOptions {
  const { pages = DEFAULT_PAGES, wakeupEvents = 1, watermark, overwritable = false, cpus, onLost } = options
  const fail = (reason: string): never => {
    throw new RangeError(`Cannot open a perf buffer: ${reason}`)
  }
  const isPositive = (value: number): boolean => Number.isInteger(value) && value > 0 && value < 2 ** 32
  if (!isPositive(pages) || (pages & (pages - 1)) !== 0) fail(`pages: ${pages} is not a power of two`)
  if (pages * pageSize() > MOST_BYTES) fail(`pages: ${pages} are more than 1 GiB`)
  if (!isPositive(wakeupEvents)) fail(`wakeupEvents: ${wakeupEvents} is not a positive number`)
  if (watermark !== undefined && !isPositive(watermark))
    fail(`watermark: ${watermark} is not a positive number`)
  if (onLost !== undefined && typeof onLost !== 'function')
    throw new TypeError('Cannot open a perf buffer: onLost is not a function')
  const wanted = cpus === undefined ? undefined : [...new Set(cpus)]
  const known = possibleCpus()
  for (const cpu of wanted ?? [])
    if (!known.includes(cpu)) fail(`CPU ${cpu} does not exist: those of this machine are ${known.join(', ')}`)
  if (wanted?.length === 0) fail('no CPU was given')
  return {
    pages,
    wakeupEvents,
    watermark,
    overwritable: overwritable === true,
    cpus: wanted,
    onLost,
  }
}
