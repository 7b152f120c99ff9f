/**
 * Histograms as JSON documents.
 *
 * @module
 */

import { bucketsOf, outside } from './buckets.ts'
import type { Histogram } from './histogram.ts'

/** An integer in a JSON document: a decimal string when it is above 2^53 - 1. */
export type JsonInteger = number | string

/** A histogram, for `JSON.stringify`. */
export interface HistogramDocument {
  readonly scale: 'log2' | 'linear'
  /** Unit of `from` and `to`. */
  readonly unit: string
  /** What the names of sections are; not there for a histogram without sections. */
  readonly sectionHeader?: string
  readonly sections: readonly HistogramDocumentSection[]
}

/** A section of a {@link HistogramDocument}. */
export interface HistogramDocumentSection {
  /** Not there for a histogram without sections. */
  readonly name?: string
  /** From the lowest bucket to the last one that counted anything; both ends of a bucket are included. */
  readonly buckets: readonly {
    readonly from: JsonInteger
    readonly to: JsonInteger
    readonly count: JsonInteger
  }[]
  /** Count of slot 0 of a log2 histogram, which has no values in bcc's numbering; not there when it is 0. */
  readonly outside?: JsonInteger
}

/** A histogram as a JSON document. */
export function histogramDocument(histogram: Histogram): HistogramDocument {
  const { scale, label, sectionHeader } = histogram
  return {
    scale,
    unit: label,
    ...(sectionHeader === undefined ? {} : { sectionHeader }),
    sections: histogram.sections.map(({ name, counts }) => {
      const lost = outside(histogram, counts)
      return {
        ...(sectionHeader === undefined ? {} : { name }),
        buckets: bucketsOf(histogram, counts).map(({ from, to, count }) => ({
          from: jsonInteger(from),
          to: jsonInteger(to),
          count: jsonInteger(count),
        })),
        ...(lost === 0n ? {} : { outside: jsonInteger(lost) }),
      }
    }),
  }
}

function jsonInteger(value: bigint): JsonInteger {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}
