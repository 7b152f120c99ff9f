/**
 * The reader of trace pipes: what programs print by `bpf_trace_printk`.
 *
 * @module
 */

import { closeSync, constants, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { fileErrno } from '../../base/errno.ts'
import { BpfError, fileError, unlessRefused } from '../../base/errors.ts'
import { tracefsPath } from '../../kernel/tracefs.ts'
import { syscallEntry } from '../../syscalls/entry.ts'
import { OwnedFd } from '../../syscalls/fd.ts'
import { type DrainOptions, RecordStream, type RecordsOptions } from '../record-stream.ts'
import type { TraceLine, TraceLoss } from './parse.ts'
import { TraceInstance } from './trace-instance.ts'
import { TraceSource } from './trace-source.ts'

/** Which pipe to read. */
export interface TracePipeOptions {
  /**
   * Name of an instance to make, which is removed by `close`: other readers lose nothing by it. Default: the buffer that all
   * tools share, where each line goes to one of its readers.
   */
  instance?: string
  /**
   * Events to enable in the instance, as `'group/name'`. Default: `'bpf_trace/bpf_trace_printk'`, which is what programs
   * print. Since Linux 5.9.
   */
  events?: readonly string[]
  /** Called when the kernel says that it had no room for events. */
  onLost?: (loss: TraceLoss) => void
}

/**
 * Opens a trace pipe. Needs root.
 *
 * @throws TypeError when an option is wrong
 * @throws BpfError `ENOENT` when tracefs is not mounted, or an event does not exist; `EEXIST` when the instance exists;
 *   `EBUSY` when another process reads the pipe, since Linux 6.6; `EACCES` without root
 * @throws NotSupportedError for an instance before Linux 5.9, unless `events` has others than `bpf_trace_printk`
 *
 * @example
 * using pipe = tracePipe({ instance: 'my_tool' })
 * for await (const { task, pid, message } of pipe) console.log(task, pid, message)
 */
export function tracePipe(options: TracePipeOptions = {}): TracePipe {
  return new TracePipe(options)
}

/** The lines of a trace pipe. */
export class TracePipe implements Disposable, AsyncIterable<TraceLine> {
  readonly #stream = new RecordStream<TraceLine>('trace pipe')
  readonly #instance: TraceInstance | undefined
  readonly #fd: OwnedFd
  #lost = 0

  /** @internal */
  constructor({ instance, events, onLost }: TracePipeOptions) {
    if (onLost !== undefined && typeof onLost !== 'function')
      throw new TypeError('Cannot open a trace pipe: onLost is not a function')
    if (events !== undefined && instance === undefined)
      throw new TypeError('Cannot open a trace pipe: events are enabled in an instance, and none is named')
    this.#instance = instance === undefined ? undefined : TraceInstance.create(instance, events)
    try {
      this.#fd = openPipe(join(this.#instance?.path ?? tracefsPath(), 'trace_pipe'))
      try {
        const { fd } = this.#fd
        const source = new TraceSource('', readFrom(fd), loss => {
          this.#lost += loss.count ?? 0
          onLost?.(loss)
        })
        this.#stream.add(source, onReadable => syscallEntry().watch(fd, onReadable))
      } catch (error) {
        this.#fd.close()
        throw error
      }
    } catch (error) {
      // Why it could not be opened says more than why the instance stays.
      unlessRefused(() => this.#instance?.close())
      throw error
    }
  }

  /**
   * Iterates over lines, waiting for more. It ends, without an error, when the pipe is closed or the signal aborts. Lines that
   * were not asked for stay for the next iteration.
   *
   * @throws BpfError `ERR_CLOSED`
   * @throws TypeError when the signal is not an `AbortSignal`
   */
  lines(options?: RecordsOptions): AsyncIterableIterator<TraceLine, undefined> {
    return this.#stream.records(options)
  }

  [Symbol.asyncIterator](): AsyncIterator<TraceLine, undefined> {
    return this.lines()
  }

  /**
   * Calls back for the lines that are there now, at most 4 MiB of them. It does not wait. An error of the callback ends the
   * drain and is thrown. The callback may close the pipe.
   *
   * @returns how many lines there were
   * @throws BpfError `ERR_CLOSED`; `ERR_BUSY` when called from its own callback
   * @throws RangeError when the limit is not a positive integer
   * @throws TypeError when the callback is not a function
   */
  drain(callback: (line: TraceLine) => void, options?: DrainOptions): number {
    return this.#stream.drain(callback, options)
  }

  /** How many events the kernel had no room for, as far as it counted them and they were read. */
  get lost(): number {
    return this.#lost
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return this.#stream.closed
  }

  /**
   * Closes the pipe, ends iterations, and removes the instance. Idempotent.
   *
   * @throws BpfError `EBUSY` when another process has a file of the instance open: it stays then, and closing again removes it
   */
  close(): void {
    this.#stream.close()
    this.#fd.close()
    this.#instance?.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function openPipe(path: string): OwnedFd {
  let opened: number
  try {
    opened = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    const code = fileErrno(error)
    if (code !== 'EBUSY') throw fileError('Cannot open the trace pipe', error)
    throw new BpfError(`Cannot open the trace pipe: another reader has ${path}; use an instance`, {
      code,
      cause: error,
    })
  }
  try {
    return OwnedFd.copyOf(opened, 'trace pipe')
  } finally {
    closeSync(opened)
  }
}

function readFrom(fd: number): (buffer: Uint8Array) => number {
  return buffer => {
    try {
      return readSync(fd, buffer)
    } catch (error) {
      const code = fileErrno(error)
      if (code === 'EAGAIN' || code === 'EINTR') return 0
      throw fileError('Cannot read the trace pipe', error)
    }
  }
}
