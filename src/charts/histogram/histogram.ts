/**
 * Histograms: counts by slots, in sections where keys have a second part. What programs count in maps becomes one here,
 * whatever it is printed as.
 *
 * @module
 */

import { type Count, countOf, kindOf, LINEAR_SLOTS, LOG2_SLOTS, slotOf, stepOf } from './count.ts'

/** A histogram, or one for each section of the keys. */
export interface Histogram {
  readonly scale: 'log2' | 'linear'
  /** Unit of the values, such as `'usecs'`. */
  readonly label: string
  /** Values in a slot of a linear histogram; 1 for log2. */
  readonly step: bigint
  /** What sections are, such as `'disk'`; `undefined` for a histogram without sections. */
  readonly sectionHeader: string | undefined
  /** The sections in order; exactly one, without a name, for a histogram without sections. */
  readonly sections: readonly HistogramSection[]
}

/** The counts of a section. */
export interface HistogramSection {
  readonly name: string
  /** Counts by slot: of log2 in bcc's numbering, where slot 1 holds 0 and 1, slot 2 holds 2 and 3. */
  readonly counts: readonly bigint[]
}

/** Counts in the order of the slots, or pairs of a slot and its count, as a map has them. */
export type SlotCounts = Iterable<number | bigint> | Iterable<readonly [slot: number | bigint, count: Count]>

/** What a section may be. */
export type SectionKey = string | number | bigint | boolean | Uint8Array

/** How keys are split into sections. */
export interface SectionOptions<K, S extends SectionKey> {
  /** The section and the slot of a key: `key => [key.disk, key.slot]`. */
  readonly split: (key: K) => readonly [section: S, slot: number | bigint]
  /** What stands before the name of a section: `Bucket ptr` unless given, as bcc has it. */
  readonly header?: string
  /**
   * The name of a section. Without it strings and numbers are their own names, bytes what Python prints: `b'sda'`, without
   * the NUL bytes at the end.
   */
  readonly name?: (section: S) => string
  /** Order of the sections; without it that in which they are met. */
  readonly compare?: (a: S, b: S) => number
}

/** Options of every histogram. */
export interface HistogramOptions {
  /** Unit of the values, `'value'` unless given: bcc's `val_type`. */
  readonly label?: string
}

/** Options of log2 histograms. */
export interface Log2Options extends HistogramOptions {
  /**
   * Slot of the values 0 and 1: 1 for programs that count with `bpf_log2l` of bcc, the default; 0 for those that count with
   * `log2l` of libbpf-tools.
   */
  readonly firstSlot?: 0 | 1
}

/** Options of linear histograms. */
export interface LinearOptions extends HistogramOptions {
  /** Values in a slot, 1 unless given. */
  readonly step?: number | bigint
}

/**
 * A histogram by powers of two. Counts of one slot that come several times are added up.
 *
 * @param counts counts by slot, not values: {@link countLog2} counts values
 * @throws RangeError when a slot is not one of 65 (64 with `firstSlot: 0`), or a count is negative, NaN or not an integer;
 *   TypeError when either is not a number
 */
export function log2Histogram(counts: SlotCounts, options?: Log2Options): Histogram
/** The same for each section of keys that have two parts, such as a disk and a slot. */
export function log2Histogram<K, S extends SectionKey>(
  counts: Iterable<readonly [K, Count]>,
  options: Log2Options & { readonly sections: SectionOptions<K, S> },
): Histogram
export function log2Histogram(counts: Iterable<unknown>, options: AnyOptions = {}): Histogram {
  const { firstSlot = 1 } = options
  if (firstSlot !== 0 && firstSlot !== 1)
    throw new RangeError(`firstSlot is 0 or 1, not ${String(firstSlot)}`)
  return gather(counts, options, { scale: 'log2', step: 1n, slots: LOG2_SLOTS, shift: 1 - firstSlot })
}

/**
 * A histogram of slots of equal width. Counts of one slot that come several times are added up.
 *
 * @param counts counts by slot, not values: {@link countLinear} counts values
 * @throws RangeError when a slot is not one of 65,536, or a count is negative, NaN or not an integer; TypeError when either
 *   is not a number
 */
export function linearHistogram(counts: SlotCounts, options?: LinearOptions): Histogram
/** The same for each section of keys that have two parts, such as a disk and a slot. */
export function linearHistogram<K, S extends SectionKey>(
  counts: Iterable<readonly [K, Count]>,
  options: LinearOptions & { readonly sections: SectionOptions<K, S> },
): Histogram
export function linearHistogram(counts: Iterable<unknown>, options: AnyOptions = {}): Histogram {
  const step = stepOf(options.step ?? 1)
  return gather(counts, options, { scale: 'linear', step, slots: LINEAR_SLOTS, shift: 0 })
}

/** What both kinds accept, as the implementations see it. */
interface AnyOptions extends Log2Options, LinearOptions {
  readonly sections?: unknown
}

/** How the two kinds differ. */
interface Kind {
  readonly scale: Histogram['scale']
  readonly step: bigint
  readonly slots: number
  /** Added to the slots of the input. */
  readonly shift: number
}

function gather(input: Iterable<unknown>, options: AnyOptions, kind: Kind): Histogram {
  const { label = 'value' } = options
  const sections = options.sections as SectionOptions<unknown, SectionKey> | undefined
  const { scale, step } = kind
  const grown = (counts: bigint[], slot: unknown, count: unknown): void => {
    const at = slotOf(slot, kind.slots - kind.shift) + kind.shift
    while (counts.length <= at) counts.push(0n)
    counts[at]! += countOf(count)
  }
  if (sections === undefined) {
    const counts: bigint[] = []
    let slot = 0
    for (const item of input) {
      if (Array.isArray(item)) grown(counts, item[0], item[1])
      else grown(counts, slot++, item)
    }
    return { scale, label, step, sectionHeader: undefined, sections: [{ name: '', counts }] }
  }
  const found = new Map<string, { section: SectionKey; counts: bigint[] }>()
  for (const item of input) {
    if (!Array.isArray(item))
      throw new TypeError(`Sections need pairs of a key and a count, not ${kindOf(item)}`)
    const [section, slot] = sections.split(item[0])
    const identity = identityOf(section)
    let entry = found.get(identity)
    if (entry === undefined) {
      entry = { section, counts: [] }
      found.set(identity, entry)
    }
    grown(entry.counts, slot, item[1])
  }
  const entries = [...found.values()]
  const { compare, name = defaultName, header = 'Bucket ptr' } = sections
  if (compare !== undefined) entries.sort((a, b) => compare(a.section, b.section))
  return {
    scale,
    label,
    step,
    sectionHeader: header,
    sections: entries.map(({ section, counts }) => ({ name: name(section), counts })),
  }
}

/** Equal for equal sections: 1 and 1n are the same, '1' is another. */
function identityOf(section: unknown): string {
  if (section instanceof Uint8Array) return `bytes ${pythonBytes(section)}`
  if (typeof section === 'string') return `string ${section}`
  if (typeof section === 'number' || typeof section === 'bigint' || typeof section === 'boolean')
    return String(section)
  throw new TypeError(`A section is a string, a number, a boolean or bytes, not ${kindOf(section)}`)
}

function defaultName(section: SectionKey): string {
  return section instanceof Uint8Array ? pythonBytes(section) : String(section)
}

/** `repr()` of Python's `bytes`, which ctypes ends at the first NUL. */
function pythonBytes(bytes: Uint8Array): string {
  const end = bytes.indexOf(0)
  let text = ''
  let quote = "'"
  for (const byte of end < 0 ? bytes : bytes.subarray(0, end)) {
    const character = String.fromCharCode(byte)
    if (ESCAPES[character] !== undefined) text += ESCAPES[character]
    else if (byte >= 0x20 && byte < 0x7f) text += character
    else text += `\\x${byte.toString(16).padStart(2, '0')}`
  }
  // Python changes to double quotes rather than to escape single ones.
  if (text.includes("'") && !text.includes('"')) quote = '"'
  return `b${quote}${quote === "'" ? text.replaceAll("'", "\\'") : text}${quote}`
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' }
