/**
 * Text on its way to standard output or standard error: gathered into large writes, no more than the reader takes when
 * the command waits for it, and dropped silently when the reader is gone.
 *
 * @module
 */

import type { Writable } from 'node:stream'

/** Characters that are gathered before they are written: a write for each line costs more than the line. */
const CHUNK = 1 << 16

/** Milliseconds that a reader has for what is left when a signal has stopped the command. */
const GRACE = 1000

/** A standard stream, or one that stands for it in a test. */
export interface TextStream extends Writable {
  readonly isTTY?: boolean
  /** Width of the terminal in characters. */
  readonly columns?: number
  /** What Node.js writes to. */
  readonly _handle?: { setBlocking?(blocking: boolean): unknown } | null
}

/** Writes text to a stream. */
export class Sink {
  readonly stream: TextStream
  readonly #gathers: boolean
  readonly #gone = new AbortController()
  readonly #waiting = new Set<() => void>()
  #text = ''
  #turn: NodeJS.Immediate | undefined
  #writes = 0
  #error: Error | undefined

  /** @param gathers whether lines wait for each other, until the event loop turns at the latest */
  constructor(stream: TextStream, gathers: boolean) {
    this.stream = stream
    this.#gathers = gathers
    stream.on('error', (error: NodeJS.ErrnoException) => {
      // A reader that goes away has what it wants, as `head` does. A full disk is a failure.
      if (error.code !== 'EPIPE' && error.code !== 'ECONNRESET') this.#error ??= error
      this.#text = ''
      this.#gone.abort()
      this.#wake()
    })
  }

  /** Aborts when the stream takes no more text: its reader went away, or the disk is full. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Why text was lost; `undefined` when none was, or when the reader went away. */
  get error(): Error | undefined {
    return this.#error
  }

  /** Whether the reader has not yet taken what was written. A command that has more to say waits for {@link keepUp}. */
  get behind(): boolean {
    return this.stream.writableNeedDrain && !this.gone.aborted
  }

  /** Adds text, without waiting. */
  write(text: string): void {
    if (this.gone.aborted) return
    this.#text += text
    if (!this.#gathers || this.#text.length >= CHUNK) this.push()
    else this.#turn ??= setImmediate(() => this.push())
  }

  /** Hands what was gathered to the stream. */
  push(): void {
    clearImmediate(this.#turn)
    this.#turn = undefined
    if (this.#text === '') return
    const text = this.#text
    this.#text = ''
    this.#writes++
    this.stream.write(text, () => {
      this.#writes--
      this.#wake()
    })
  }

  /** Waits until the reader has taken what was written, is gone, or the signal aborts. */
  async keepUp(signal: AbortSignal): Promise<void> {
    while (this.behind && !signal.aborted) await this.#progress(signal)
  }

  /**
   * From now on a stopped terminal (Ctrl-S) does not stop the process too: Node.js makes writes to terminals wait in
   * the kernel, where no signal handler can run. Undone at exit, since other processes may share the terminal.
   */
  neverBlock(): void {
    const handle = this.stream._handle
    if (this.stream.isTTY !== true || typeof handle?.setBlocking !== 'function') return
    handle.setBlocking(false)
    process.once('exit', () => handle.setBlocking?.(true))
  }

  /**
   * Waits until everything is written.
   *
   * @param stopped once it is aborted the reader has another second
   * @returns whether nothing is left to write
   */
  async end(stopped: AbortSignal): Promise<boolean> {
    this.push()
    const late = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const hurry = (): void => {
      timer = setTimeout(() => late.abort(), GRACE)
    }
    if (stopped.aborted) hurry()
    else stopped.addEventListener('abort', hurry)
    while (this.#writes > 0 && !this.gone.aborted && !late.signal.aborted) await this.#progress(late.signal)
    stopped.removeEventListener('abort', hurry)
    clearTimeout(timer)
    return this.#writes === 0 || this.gone.aborted
  }

  /** Settles when a write has ended, the stream is gone, or the signal aborts. */
  #progress(signal: AbortSignal): Promise<void> {
    return new Promise(resolve => {
      const done = (): void => {
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#waiting.add(done)
      signal.addEventListener('abort', done)
    })
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done()
  }
}
