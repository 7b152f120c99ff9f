/**
 * Events on a time line as a document of Chrome's trace event format, which https://ui.perfetto.dev and `chrome://tracing`
 * open.
 *
 * Source: "Trace Event Format",
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU.
 *
 * @module
 */

import { printable } from '../base/text.ts'
import { kindOf } from './histogram/count.ts'

/** What an event says besides; a bigint above 2^53 becomes a decimal string. */
export type TraceArguments = Readonly<Record<string, string | number | bigint | boolean>>

/** What all events have. Times are in nanoseconds, of any clock. */
export interface TraceEventBase {
  readonly name: string
  readonly pid: number
  /** Categories, with commas between them. */
  readonly category?: string
  readonly args?: TraceArguments
}

/** Something that took time on a thread. */
export interface TraceSlice extends TraceEventBase {
  readonly kind: 'slice'
  readonly tid: number
  readonly start: number | bigint
  readonly duration: number | bigint
}

/** Something that happened at a moment, on a thread. */
export interface TraceInstant extends TraceEventBase {
  readonly kind: 'instant'
  readonly tid: number
  readonly start: number | bigint
}

/** Values that hold from a moment on, drawn as a curve for each. */
export interface TraceCounter {
  readonly kind: 'counter'
  readonly name: string
  readonly pid: number
  readonly start: number | bigint
  readonly values: Readonly<Record<string, number | bigint>>
}

/** An event of a trace. */
export type TraceEvent = TraceSlice | TraceInstant | TraceCounter

/** Options of {@link chromeTraceDocument}. */
export interface ChromeTraceOptions {
  /** Names of processes by pid. */
  readonly processes?: Iterable<readonly [pid: number, name: string]>
  /** Names of threads. */
  readonly threads?: Iterable<readonly [pid: number, tid: number, name: string]>
  /** The time, in nanoseconds, that the trace counts from: that of the earliest event unless given. */
  readonly origin?: number | bigint
}

/** A trace, for `JSON.stringify`. */
export interface ChromeTraceDocument {
  readonly displayTimeUnit: 'ns'
  /** In the order of their times, behind the names of processes and threads. */
  readonly traceEvents: readonly ChromeTraceEvent[]
  /** `origin`: the time that `ts` counts from, in nanoseconds. */
  readonly otherData: { readonly exporter: string; readonly origin: string }
}

/** An event as Chrome has it. Times are in microseconds, with the nanoseconds behind the point. */
export interface ChromeTraceEvent {
  /** `X`: a slice; `i`: an instant; `C`: a counter; `M`: a name. */
  readonly ph: 'X' | 'i' | 'C' | 'M'
  readonly name: string
  readonly cat?: string
  readonly pid: number
  readonly tid?: number
  readonly ts?: number
  readonly dur?: number
  readonly s?: 't'
  readonly args?: Readonly<Record<string, string | number | boolean>>
}

/**
 * Events as a Chrome trace. Times count from the earliest event, so that nanoseconds of a long uptime are not rounded.
 *
 * @throws RangeError when a time, duration or value is negative (values may be), NaN or infinite, or a pid or tid is not an
 *   integer; TypeError when an event is of no known kind, or an argument is not a string,
 *   number, bigint or boolean
 */
export function chromeTraceDocument(
  events: Iterable<TraceEvent>,
  options: ChromeTraceOptions = {},
): ChromeTraceDocument {
  const all = Array.from(events, event => ({ event, start: nanoseconds('start', event.start) }))
  all.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0))
  const origin = options.origin === undefined ? (all[0]?.start ?? 0n) : nanoseconds('origin', options.origin)
  const names: ChromeTraceEvent[] = []
  for (const [pid, name] of options.processes ?? [])
    names.push({ ph: 'M', name: 'process_name', pid: id(pid), args: { name: printable(name) } })
  for (const [pid, tid, name] of options.threads ?? [])
    names.push({ ph: 'M', name: 'thread_name', pid: id(pid), tid: id(tid), args: { name: printable(name) } })
  return {
    displayTimeUnit: 'ns',
    traceEvents: [
      ...names,
      ...all.map(({ event, start }) => chromeEvent(event, microseconds(start - origin))),
    ],
    otherData: { exporter: 'ebpf-ts', origin: String(origin) },
  }
}

function chromeEvent(event: TraceEvent, ts: number): ChromeTraceEvent {
  const name = printable(event.name)
  const pid = id(event.pid)
  if (event.kind === 'counter') return { ph: 'C', name, pid, ts, args: curves(event.values) }
  const rest = {
    name,
    ...(event.category === undefined ? {} : { cat: printable(event.category) }),
    pid,
    tid: id(event.tid),
    ts,
    ...(event.args === undefined ? {} : { args: args(event.args) }),
  }
  if (event.kind === 'instant') return { ph: 'i', s: 't', ...rest }
  if (event.kind === 'slice')
    return { ph: 'X', dur: microseconds(nanoseconds('duration', event.duration)), ...rest }
  throw new TypeError(`${printable(String((event as TraceEvent).kind))} is not a kind of trace event`)
}

function args(values: TraceArguments): Record<string, string | number | boolean> {
  if (typeof values !== 'object' || values === null)
    throw new TypeError(`Arguments of a trace event are an object, not ${kindOf(values)}`)
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [printable(key), argument(value)]))
}

/** Viewers draw numbers only: a value above 2^53 is rounded. */
function curves(values: TraceCounter['values']): Record<string, number> {
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [printable(key), finite(Number(value))]),
  )
}

function argument(value: string | number | bigint | boolean): string | number | boolean {
  if (typeof value === 'string') return printable(value)
  if (typeof value === 'number') return finite(value)
  if (typeof value === 'boolean') return value
  if (typeof value !== 'bigint')
    throw new TypeError(
      `An argument of a trace event is a string, number, bigint or boolean, not ${kindOf(value)}`,
    )
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}

function finite(value: number): number {
  if (Number.isFinite(value)) return value
  throw new RangeError(`${value} cannot be written to a trace: JSON has no such number`)
}

function nanoseconds(what: string, value: number | bigint): bigint {
  // A bigint may be too large for a number.
  if (
    (typeof value === 'bigint' || typeof value === 'number') &&
    Number.isFinite(Number(value)) &&
    value >= 0
  )
    return typeof value === 'bigint' ? value : BigInt(Math.round(value))
  const shown =
    typeof value === 'bigint' && value > 0n ? 'A bigint beyond the range of numbers' : String(value)
  throw new RangeError(`${shown} is not the ${what} of a trace event: it is a number of nanoseconds`)
}

function microseconds(value: bigint): number {
  return Number(value) / 1000
}

function id(value: number): number {
  if (Number.isSafeInteger(value)) return value
  throw new RangeError(`${String(value)} is not a pid or tid of a trace event`)
}
