/**
 * Entries of a perf map laid over each other, by address. Pure.
 *
 * @module
 */

/** Entries from one number to another: which of them is on top, between which addresses. */
export interface Layer {
  /** Number of the first entry, and behind the last one. */
  readonly from: number
  readonly to: number
  /** Where pieces of memory begin. */
  readonly bounds: Float64Array
  /** The newest entry of each, or -1. */
  readonly owners: Int32Array
}

/** Lays entries over each other, the newest on top: from the newest on, each gets what is still free. */
export function layOut(starts: Float64Array, sizes: Float64Array, from: number, to: number): Layer {
  const all = new Float64Array(2 * (to - from))
  for (let entry = from, i = 0; entry < to; entry++) {
    all[i++] = starts[entry]!
    all[i++] = starts[entry]! + sizes[entry]!
  }
  all.sort()
  let length = 0
  for (let i = 0; i < all.length; i++) {
    if (i === 0 || all[i] !== all[length - 1]) all[length++] = all[i]!
  }
  const bounds = all.slice(0, length)
  const owners = new Int32Array(length).fill(-1)
  /** A piece that may be free, at or behind each. */
  const free = new Uint32Array(length + 1)
  for (let i = 0; i <= length; i++) free[i] = i
  const freeFrom = (piece: number): number => {
    let found = piece
    while (free[found] !== found) found = free[found]!
    for (let each = piece; free[each] !== found && each !== found; ) {
      const next = free[each]!
      free[each] = found
      each = next
    }
    return found
  }
  for (let entry = to - 1; entry >= from; entry--) {
    const end = starts[entry]! + sizes[entry]!
    let piece = freeFrom(countUpTo(bounds, starts[entry]!) - 1)
    while (piece < length && bounds[piece]! < end) {
      owners[piece] = entry
      free[piece] = piece + 1
      piece = freeFrom(piece + 1)
    }
  }
  return { from, to, bounds, owners }
}

/** The newest entry of a layer that covers an address, or -1. */
export function ownerAt({ bounds, owners }: Layer, address: number): number {
  const count = countUpTo(bounds, address)
  return count === 0 ? -1 : owners[count - 1]!
}

/** How many values of a sorted array are not above one. */
function countUpTo(sorted: Float64Array, value: number): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! <= value) low = middle + 1
    else high = middle
  }
  return low
}
