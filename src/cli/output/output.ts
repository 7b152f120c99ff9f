/**
 * What a command writes. Everything goes through here, and everything is escaped here: text from object files, from the
 * kernel and from the command line cannot reach a terminal in another way.
 *
 * @module
 */

import { inspect } from 'node:util'
import { jsonReplacer, printable, printableJson, printableLines } from '../../base/index.ts'
import { csvRecord } from './csv.ts'
import type { Sink } from './sink.ts'
import type { Span } from './span.ts'
import { type Cell, type Column, layoutTable } from './table.ts'
import { cut } from './width.ts'

/** Clears the line of a terminal. */
const CLEAR = '\r\u001b[K'

/** Writes lines, tables and documents to standard output or standard error. */
export class Output {
  readonly sink: Sink
  readonly #colours: boolean
  #status: string | undefined

  /** @param env variables that decide on colours: `NO_COLOR`, `TERM` */
  constructor(sink: Sink, env: NodeJS.ProcessEnv) {
    this.sink = sink
    // https://no-color.org: present and not empty.
    this.#colours = this.#isTerminal && !env.NO_COLOR && env.TERM !== 'dumb'
  }

  /** Columns of the terminal; `undefined` when it does not know, or is a file or a pipe. */
  get columns(): number | undefined {
    return (this.#isTerminal && this.sink.stream.columns) || undefined
  }

  get #isTerminal(): boolean {
    return this.sink.stream.isTTY === true
  }

  /** Writes one line. Line breaks in a piece are escaped too, so that no name can pretend to be another line. */
  line(...spans: readonly Span[]): void {
    this.#write(`${spans.map(span => this.#span(span)).join('')}\n`)
  }

  /** Writes text of several lines, such as a report or source code; line breaks and tabs stay. */
  text(text: string): void {
    this.#write(printableLines(text.endsWith('\n') ? text : `${text}\n`))
  }

  /** Writes a table that fits the terminal. */
  table(columns: readonly Column[], rows: readonly (readonly Cell[])[]): void {
    for (const spans of layoutTable(columns, rows, this.columns)) this.line(...spans)
  }

  /** Writes records of comma-separated values. */
  csv(records: Iterable<readonly (string | number | bigint)[]>): void {
    for (const record of records) this.#write(`${csvRecord(record)}\n`)
  }

  /** Writes the one JSON document of a command, indented. */
  document(value: unknown): void {
    this.#write(`${printableJson(json(value))}\n`)
  }

  /** Writes a JSON document as one line of many. */
  record(value: unknown): void {
    this.#write(`${printableJson(JSON.stringify(value, jsonReplacer))}\n`)
  }

  /**
   * Says how far a command is: on a terminal a line that changes, elsewhere a line per step.
   *
   * @param step what is done now
   * @param detail how far it is
   */
  status(step: string, detail: string): void {
    if (this.#isTerminal) {
      this.sink.write(`${CLEAR}${cut(`${step}: ${detail}`, (this.columns ?? 80) - 1)}`)
    } else if (step !== this.#status) {
      this.line(step)
    }
    this.#status = step
  }

  /** Takes the line of {@link status} away. */
  clearStatus(): void {
    if (this.#status !== undefined && this.#isTerminal) this.sink.write(CLEAR)
    this.#status = undefined
  }

  #span(span: Span): string {
    if (typeof span === 'string') return printable(span)
    const text = printable(span.text)
    if (!this.#colours) return text
    const [begin, end] = inspect.colors[span.style]!
    return `\u001b[${begin}m${text}\u001b[${end}m`
  }

  #write(text: string): void {
    if (this.#isTerminal) this.clearStatus()
    this.sink.write(text)
  }
}

/** @throws RangeError when a string cannot hold it, which V8 says in fewer words */
function json(value: unknown): string {
  try {
    return JSON.stringify(value, jsonReplacer, 2)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new RangeError('Cannot write the document: it is longer than a string can be', { cause: error })
  }
}
