/**
 * Stacks as a profile of pprof, which `go tool pprof`, Pyroscope, Grafana and others read.
 *
 * Source: https://github.com/google/pprof/blob/main/proto/profile.proto.
 *
 * @module
 */

import { printable } from '../../base/text.ts'
import { Message } from './protobuf.ts'
import { FrameTable, integerOf, type StackCount, type StackUnit, unitOf } from './stack.ts'

/** Options of {@link pprofBytes}. */
export interface PprofOptions {
  /** What counts are: `'samples'` unless given. */
  readonly unit?: StackUnit
  /**
   * Name of what was measured: `'cpu'` unless given, `'offcpu'` for time spent waiting, `'alloc_space'` for memory.
   */
  readonly type?: string
  /** Nanoseconds between two samples, for `unit: 'samples'`: each sample then also stands for this time. */
  readonly period?: number | bigint
  /** When the profile began, in nanoseconds since 1970. */
  readonly time?: number | bigint
  /** How long it took, in nanoseconds. */
  readonly duration?: number | bigint
  /** Remarks, such as how many samples were lost. */
  readonly comments?: readonly string[]
}

/** Numbers of fields in `message Profile`. */
const PROFILE = {
  sampleType: 1,
  sample: 2,
  location: 4,
  function: 5,
  string: 6,
  time: 9,
  duration: 10,
  periodType: 11,
  period: 12,
  comment: 13,
} as const

/**
 * Stacks as an uncompressed pprof profile. Tools read it as it is, and as `gzipSync` of `node:zlib` makes it, by the name
 * `FILE.pb.gz`. With `unit: 'samples'` and a period a sample has two values, its count and its time.
 *
 * @throws RangeError or TypeError when a count, a frame, a label or an option is not one
 */
export function pprofBytes(stacks: Iterable<StackCount>, options: PprofOptions = {}): Uint8Array {
  const unit = unitOf(options.unit)
  const { type = 'cpu' } = options
  const period = int64('period', options.period ?? 0)
  const strings = new Map([['', 0]])
  const string = (text: string): number => {
    const safe = printable(text)
    const known = strings.get(safe)
    if (known !== undefined) return known
    strings.set(safe, strings.size)
    return strings.size - 1
  }
  const [message, inner, innermost] = [new Message(), new Message(), new Message()]
  const valueType = (name: string, each: string): Uint8Array =>
    inner.clear().integer(1, string(name)).integer(2, string(each)).bytes

  const hasTime = unit === 'samples' && period > 0n
  if (unit === 'samples') message.data(PROFILE.sampleType, valueType('samples', 'count'))
  if (unit !== 'samples' || hasTime)
    message.data(PROFILE.sampleType, valueType(type, hasTime ? 'nanoseconds' : unit))

  const table = new FrameTable(true)
  for (const stack of stacks) {
    const count = int64('count', integerOf(stack))
    // A location is a frame here: its number is that of the frame, from 1. The leaf comes first.
    const locations = table.stack(stack).map(each => each + 1)
    inner.clear().integers(1, locations.reverse())
    inner.integers(2, hasTime ? [count, int64('time', count * period)] : [count])
    for (const [key, value] of Object.entries(stack.labels ?? {})) {
      innermost.clear().integer(1, string(key))
      if (typeof value === 'string') innermost.integer(2, string(value))
      else innermost.integer(3, signed('label', value))
      inner.data(3, innermost.bytes)
    }
    message.data(PROFILE.sample, inner.bytes)
  }

  const functions = new Map<string, number>()
  for (const [i, { name, file, line, column }] of table.frames.entries()) {
    const identity = `${name}\n${file}`
    let id = functions.get(identity)
    if (id === undefined) {
      id = functions.size + 1
      functions.set(identity, id)
      inner.clear().integer(1, id).integer(2, string(name)).integer(3, string(name)).integer(4, string(file))
      message.data(PROFILE.function, inner.bytes)
    }
    innermost.clear().integer(1, id).integer(2, line).integer(3, column)
    message.data(
      PROFILE.location,
      inner
        .clear()
        .integer(1, i + 1)
        .data(4, innermost.bytes).bytes,
    )
  }

  message.integer(PROFILE.time, int64('time', options.time ?? 0))
  message.integer(PROFILE.duration, int64('duration', options.duration ?? 0))
  if (hasTime) {
    message.data(PROFILE.periodType, valueType(type, 'nanoseconds'))
    message.integer(PROFILE.period, period)
  }
  message.integers(PROFILE.comment, (options.comments ?? []).map(string))
  // Last, when all strings are known.
  for (const each of strings.keys()) message.text(PROFILE.string, each)
  return message.bytes.slice()
}

/** An integer from 0 to 2^63 - 1. */
function int64(what: string, value: number | bigint): bigint {
  const integer = signed(what, value)
  if (integer < 0n) throw new RangeError(`${value} is not a ${what}: it is negative`)
  return integer
}

function signed(what: string, value: number | bigint): bigint {
  if (typeof value !== 'bigint' && !Number.isSafeInteger(value))
    throw new RangeError(`${String(value)} is not a ${what}: it is not a safe integer`)
  const integer = BigInt(value)
  if (BigInt.asIntN(64, integer) !== integer) throw new RangeError(`${value} is not a ${what} of 64 bits`)
  return integer
}
