/**
 * How the harness and a contestant talk: a line of JSON each way, over stdin and stdout. Pure.
 *
 * A contestant first says that it is ready, and which rows it knows. Then each request is answered by one sweep of
 * some 100 ms; what a row needs is set up before the clock starts, on first use, and kept until stdin ends. With the
 * arguments `--once ROW` it does one sweep, prints the answer, and exits.
 *
 *     < {"ready":true,"rows":["hash-get"],"version":"0.22.0"}
 *     > {"row":"hash-get"}
 *     < {"row":"hash-get","ns":412.5,"ops":200000}
 *
 * @module
 */

/** What a contestant says first. */
export interface Ready {
  readonly ready: true
  /** Rows that it knows. */
  readonly rows: readonly string[]
  /** Of the library. */
  readonly version: string
}

/** One sweep, please. */
export interface Request {
  readonly row: string
  /** How long a row of mode `'once'` takes, where that is a choice. */
  readonly seconds?: number
}

/** A sweep. */
export interface Sample {
  /** Nanoseconds of an operation, by the monotonic clock of the contestant. */
  readonly ns: number
  /** How many operations that is the mean of. */
  readonly ops: number
  /** Further numbers, such as a quantile or bytes of heap. */
  readonly extra?: Readonly<Record<string, number>>
}

/** What a contestant answers: a sample, why this row cannot be measured here, or what went wrong. */
export type Answer =
  | ({ readonly row: string } & Sample)
  | { readonly row: string; readonly skip: string }
  | { readonly row: string; readonly error: string }

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

function parseLine(line: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch {
    // Below.
  }
  if (!isObject(value)) throw new SyntaxError(`Not an object of JSON: ${line.slice(0, 200)}`)
  return value
}

/**
 * Reads the first line of a contestant.
 *
 * @throws SyntaxError when it is something else
 */
export function parseReady(line: string): Ready {
  const { ready, rows, version } = parseLine(line)
  const isList = Array.isArray(rows) && rows.every(each => typeof each === 'string')
  if (ready !== true || !isList || typeof version !== 'string') {
    throw new SyntaxError(`Not the first line of a contestant: ${line.slice(0, 200)}`)
  }
  return { ready, rows, version }
}

/**
 * Reads an answer.
 *
 * @param row that was asked for
 * @throws SyntaxError when it is something else
 */
export function parseAnswer(line: string, row: string): Answer {
  const answer = parseLine(line)
  if (answer.row === row) {
    if (typeof answer.error === 'string') return { row, error: answer.error }
    if (typeof answer.skip === 'string') return { row, skip: answer.skip }
    const { ns, ops, extra } = answer
    if (isTime(ns) && typeof ops === 'number' && ops > 0) {
      if (extra === undefined) return { row, ns, ops }
      if (isNumbers(extra)) return { row, ns, ops, extra }
    }
  }
  throw new SyntaxError(`Not an answer for ${row}: ${line.slice(0, 200)}`)
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}

function isNumbers(value: unknown): value is Record<string, number> {
  return isObject(value) && Object.values(value).every(each => typeof each === 'number')
}
