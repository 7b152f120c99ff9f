/**
 * Stacks and how often each was met: what all pictures of stacks are made of.
 *
 * @module
 */

import { printable } from '../../base/text.ts'
import { MAX_COUNT } from '../max-count.ts'

/**
 * Where the code of a frame comes from: the kernel, a binary, the built-in functions of an engine such as V8, code that an
 * engine compiled or interprets at run time, or a place without a name.
 */
export type FrameKind = 'kernel' | 'native' | 'builtin' | 'jit' | 'interpreted' | 'unknown'

/** A frame of a stack. */
export interface Frame {
  /** Name of the function. */
  readonly name: string
  /** Where its code comes from: `'native'` unless given. */
  readonly kind?: FrameKind
  /** Source file, or the binary where no source file is known. */
  readonly file?: string
  /** Line in the source file, from 1. */
  readonly line?: number
  /** Column in the line, from 1. */
  readonly column?: number
}

/** A stack, and how often it was met, or how much time or memory it stands for. */
export interface StackCount {
  /** Frames from the outermost caller to the function that ran; a string is the name of a native frame. */
  readonly frames: readonly (string | Frame)[]
  /** Not negative, an integer; a `number` only when it is safe. */
  readonly count: number | bigint
  /** What is known of the stack besides, such as `{ pid: 7, comm: 'node' }`; only pprof keeps it. */
  readonly labels?: Readonly<Record<string, string | number | bigint>>
}

/** What counts of stacks are. */
export type StackUnit = 'samples' | 'nanoseconds' | 'bytes'

/** Name of frames and stacks without one. */
export const UNKNOWN = '[unknown]'

/** A frame as pictures have it: every name safe to show, fields checked. */
export interface PlainFrame {
  readonly name: string
  readonly kind: FrameKind
  /** `''` when it is not known. */
  readonly file: string
  /** 0 when it is not known. */
  readonly line: number
  /** 0 when it is not known. */
  readonly column: number
}

const KINDS: Readonly<Record<FrameKind, true>> = {
  kernel: true,
  native: true,
  builtin: true,
  jit: true,
  interpreted: true,
  unknown: true,
}

/** All kinds, in the order of legends. */
export const FRAME_KINDS = Object.keys(KINDS) as FrameKind[]

/** Frames by number: each that differs has one, from 0. */
export class FrameTable {
  readonly frames: PlainFrame[] = []
  readonly #byName = new Map<string, number>()
  readonly #byObject = new WeakMap<Frame, Seen>()
  readonly #byIdentity = new Map<string, number>()
  readonly #hasLines: boolean

  /** @param hasLines whether frames that differ in the line or column only have numbers of their own */
  constructor(hasLines: boolean) {
    this.#hasLines = hasLines
  }

  /**
   * The numbers of a stack's frames; that of one frame without a name for a stack without frames.
   *
   * @throws TypeError when a frame is not one
   */
  stack({ frames }: StackCount): number[] {
    if (!Array.isArray(frames)) throw new TypeError('A stack has an array of frames')
    if (frames.length === 0) return [this.#number(EMPTY)]
    return frames.map(frame => this.#number(frame))
  }

  #number(frame: string | Frame): number {
    if (typeof frame === 'string') {
      let number = this.#byName.get(frame)
      if (number === undefined) {
        number = this.#find({ name: frame })
        this.#byName.set(frame, number)
      }
      return number
    }
    if (frame === null || typeof frame !== 'object' || typeof frame.name !== 'string')
      throw new TypeError('A frame is a string, or an object with a name')
    const seen = this.#byObject.get(frame)
    // The caller may use one object for frame after frame.
    if (seen !== undefined && isSame(seen, frame)) return seen.number
    const number = this.#find(frame)
    const { name, kind, file, line, column } = frame
    this.#byObject.set(frame, { name, kind, file, line, column, number })
    return number
  }

  #find(frame: Frame): number {
    const { name, kind = 'native', file = '', line = 0, column = 0 } = frame
    const place = this.#hasLines ? `${line}:${column}` : ''
    const identity = `${kind} ${place} ${name.length} ${name}${file}`
    let number = this.#byIdentity.get(identity)
    if (number === undefined) {
      number = this.frames.push(plainFrame(frame)) - 1
      this.#byIdentity.set(identity, number)
    }
    return number
  }
}

/** A frame as it was when it was seen: to make its identity takes ten times as long as to compare it. */
type Seen = { readonly [K in keyof Frame]: Frame[K] | undefined } & { readonly number: number }

function isSame(seen: Seen, frame: Frame): boolean {
  return (
    seen.name === frame.name &&
    seen.kind === frame.kind &&
    seen.file === frame.file &&
    seen.line === frame.line &&
    seen.column === frame.column
  )
}

const EMPTY: Frame = { name: UNKNOWN, kind: 'unknown' }

function plainFrame({ name, kind = 'native', file = '', line = 0, column = 0 }: Frame): PlainFrame {
  if (!Object.hasOwn(KINDS, kind)) throw new TypeError(`${printable(String(kind))} is not a kind of frame`)
  if (typeof file !== 'string') throw new TypeError('The file of a frame is a string')
  for (const each of [line, column])
    if (!Number.isSafeInteger(each) || each < 0)
      throw new RangeError(`${String(each)} is not a line or column`)
  return { name: name === '' ? UNKNOWN : printable(name), kind, file: printable(file), line, column }
}

/**
 * Checks what counts are.
 *
 * @throws TypeError when it is not a unit
 */
export function unitOf(unit: StackUnit = 'samples'): StackUnit {
  if (unit === 'samples' || unit === 'nanoseconds' || unit === 'bytes') return unit
  throw new TypeError(
    `${printable(String(unit))} is not a unit of stacks: 'samples', 'nanoseconds' and 'bytes' are`,
  )
}

/**
 * The count of a stack as a number: above 2^53 it is rounded, as pictures and JSON have it.
 *
 * @throws RangeError when it is negative, NaN, not an integer or above 2^128 - 1; TypeError when it is not a number
 */
export function weightOf(stack: StackCount): number {
  return Number(integerOf(stack))
}

/** The count of a stack, checked. */
export function integerOf({ count }: StackCount): number | bigint {
  if (typeof count !== 'number' && typeof count !== 'bigint')
    throw new TypeError(`The count of a stack is a number or a bigint, not ${typeof count}`)
  if (typeof count === 'number' && !Number.isSafeInteger(count))
    throw new RangeError(`${count} is not the count of a stack: it is not a safe integer`)
  if (count < 0) throw new RangeError(`${count} is not the count of a stack: it is negative`)
  if (typeof count === 'bigint' && count > MAX_COUNT)
    throw new RangeError('The count of a stack is above 2^128 - 1')
  return count
}
