/**
 * Codecs: between the bytes of a map's key or value, or of a record, and JavaScript values.
 *
 * @module
 */

/**
 * Reads and writes values of one C type. Numbers are in host byte order.
 *
 * @typeParam T what it reads
 * @typeParam W what it writes, where that is more than it reads: a 64-bit integer reads as a `bigint`, and is written
 *   from a `bigint` or a number
 */
export interface Codec<T, W = T> {
  /** Bytes of a value. */
  readonly size: number
  /**
   * Reads the value at `offset`. The memory is used again: the value must not refer to it.
   *
   * @param view may be of shared memory, and of memory that must not be written to
   * @param offset in bytes from the start of the view; the value need not be aligned
   * @param length bytes of the whole record when it may be longer than `size`; only a type that ends in a flexible
   *   array looks at it
   */
  decode(view: DataView, offset: number, length?: number): T
  /**
   * Writes all `size` bytes of the value at `offset`, padding as zeros. When it throws, some of them are written.
   *
   * @throws TypeError or RangeError when the value does not fit the type; the message begins with the path of the
   *   member (`pos.x: 300 is not a u8`), so that a caller can put before it what could not be done
   */
  encode(value: W, view: DataView, offset: number): void
}

/** A codec that knows how C aligns its type, as the layout of a struct needs it. */
export interface AlignedCodec<T, W = T> extends Codec<T, W> {
  /** Alignment in bytes, a power of two. */
  readonly align: number
}

/** What a codec reads: `CodecValue<typeof u64>` is `bigint`. */
export type CodecValue<C> = C extends { decode(view: DataView, offset: number): infer T } ? T : never

/** What a codec writes: `CodecInput<typeof u64>` is `bigint | number`. */
export type CodecInput<C> = C extends { encode(value: infer W, view: DataView, offset: number): void }
  ? W
  : never

/** Where in a value an encoder failed; kept beside the error, whose message is for people. */
const places = new WeakMap<Error, { path: string; reason: string }>()

/**
 * What to throw instead of an error of a member's encoder: the same, with the member before its message. Errors that
 * are not about a wrong value pass through.
 *
 * @param step name of the member, or index of the element
 */
export function inMember(step: string | number, error: unknown): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError)) return error
  const { path, reason } = places.get(error) ?? { path: '', reason: error.message }
  const own = typeof step === 'number' ? `[${step}]` : step
  const joined = path === '' || path.startsWith('[') ? own + path : `${own}.${path}`
  const Same = error instanceof TypeError ? TypeError : RangeError
  const located = new Same(`${joined}: ${reason}`, { cause: error })
  places.set(located, { path: joined, reason })
  return located
}

/**
 * A value that is to be written as an integer of more than 32 bits.
 *
 * @throws TypeError when it is neither a bigint nor a number
 * @throws RangeError for a fraction, and for a number from 2^53 on, which may have been rounded
 */
export function toBigint(value: unknown): bigint {
  if (typeof value === 'bigint') return value
  checkSafeInteger(value)
  return BigInt(value)
}

/** Checks a number that is to be written as an integer of more than 32 bits; throws as `toBigint` does. */
export function checkSafeInteger(value: unknown): asserts value is number {
  // First of all what is right: V8 takes 100 ns for the three questions in the other order.
  if (Number.isSafeInteger(value)) return
  if (typeof value !== 'number') throw new TypeError(`${shown(value)} is neither a bigint nor a number`)
  const reason = Number.isInteger(value) ? 'is not a safe integer; use a bigint' : 'is not an integer'
  throw new RangeError(`${value} ${reason}`)
}

/** A value as error messages show it: short, and on one line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(shortened(value, 40))
  if (typeof value === 'bigint') return `${value}n`
  if (Array.isArray(value)) return `an array of ${value.length}`
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}

/** Text of at most so many characters, with an ellipsis where it was cut. */
export function shortened(text: string, characters: number): string {
  // Not the character itself: V8 keeps a file that is not Latin-1 with two bytes for each character.
  return text.length <= characters ? text : `${text.slice(0, characters)}\u2026`
}

/**
 * For `JSON.stringify`: writes a `bigint` as a number where JavaScript's numbers are exact, else as a decimal
 * string, and bytes as an array of numbers.
 *
 * @example
 * JSON.stringify({ pid: 1, ns: 5n }, jsonReplacer) // {"pid":1,"ns":5}
 */
export function jsonReplacer(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') {
    const number = Number(value)
    return Number.isSafeInteger(number) ? number : value.toString()
  }
  return value instanceof Uint8Array ? Array.from(value) : value
}
