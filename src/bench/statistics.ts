/**
 * What is said of a series of samples: its median and quartiles. Pure.
 *
 * @module
 */

/** Middle and spread of a series. */
export interface Summary {
  readonly median: number
  /** A quarter of the samples is below it. */
  readonly lowerQuartile: number
  /** A quarter of the samples is above it. */
  readonly upperQuartile: number
  readonly least: number
  readonly greatest: number
}

/**
 * A quantile, interpolated between the two samples that it lies between (type 7 of Hyndman and Fan, which R and NumPy
 * use).
 *
 * @param samples in any order
 * @param fraction 0.5 is the median
 * @throws RangeError when there are no samples, or the fraction is not from 0 to 1
 */
export function quantile(samples: readonly number[], fraction: number): number {
  if (samples.length === 0) throw new RangeError('Cannot compute a quantile: there are no samples')
  if (!(fraction >= 0 && fraction <= 1)) {
    throw new RangeError(`Cannot compute a quantile: ${fraction} is not from 0 to 1`)
  }
  const sorted = [...samples].sort((a, b) => a - b)
  const position = (sorted.length - 1) * fraction
  const below = sorted[Math.floor(position)]!
  const above = sorted[Math.ceil(position)]!
  return below + (above - below) * (position - Math.floor(position))
}

/**
 * Summarizes a series.
 *
 * @throws RangeError when it is empty
 */
export function summarize(samples: readonly number[]): Summary {
  return {
    median: quantile(samples, 0.5),
    lowerQuartile: quantile(samples, 0.25),
    upperQuartile: quantile(samples, 0.75),
    least: quantile(samples, 0),
    greatest: quantile(samples, 1),
  }
}
