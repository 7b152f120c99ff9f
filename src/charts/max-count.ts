/**
 * Greatest count of a chart: as numbers, sums of such counts are finite. Counters of 64 bits are far below.
 *
 * @module
 */

/** 2^128 - 1. */
export const MAX_COUNT: bigint = (1n << 128n) - 1n
