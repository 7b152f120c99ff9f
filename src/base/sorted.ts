/**
 * Binary search.
 *
 * @module
 */

/**
 * How many elements of a list are at a place or before it.
 *
 * @param sorted in ascending order of their places
 * @param place in the unit of `placeOf`
 * @returns index of the first element behind the place; the length of the list when there is no such element
 */
export function countUpTo<T>(sorted: readonly T[], place: number, placeOf: (each: T) => number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (placeOf(sorted[middle]!) <= place) low = middle + 1
    else high = middle
  }
  return low
}
