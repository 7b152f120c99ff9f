/**
 * "Did you mean?" for every kind of name: commands, options, programs, maps, functions, tracepoints.
 *
 * @module
 */

/**
 * The word that is most like a mistyped one; `undefined` when none is like it.
 *
 * @param known may be all functions of the kernel: a word that is unlike takes a few comparisons
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  // One slip in a short word, more in a long one, but few: among all functions of a kernel something is like anything.
  let least = Math.min(MOST_SLIPS, Math.max(1, Math.floor(word.length / 3))) + 1
  let found: string | undefined
  for (const each of known) {
    if (Math.abs(each.length - word.length) >= least) continue
    const slips = distance(word, each, Math.min(least, word.length))
    if (slips < least && slips < word.length) {
      least = slips
      found = each
    }
  }
  return found
}

const MOST_SLIPS = 3

/** The end of a message about a word that is not known: `'; did you mean run?'`, or nothing. */
export function suggestion(word: string, known: Iterable<string>, prefix = ''): string {
  const found = nearest(word, known)
  return found === undefined ? '' : `; did you mean ${prefix}${found}?`
}

/**
 * How many letters are inserted, left out, replaced or swapped with their neighbour (optimal string alignment).
 *
 * @param limit a distance that is of no interest: it stands for every greater one
 */
function distance(a: string, b: string, limit: number): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  let lowest = 0
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let lowestOfRow = i
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, beforeLast[j - 2]! + 1)
      row.push(least)
      if (least < lowestOfRow) lowestOfRow = least
    }
    // A swap builds on the row before the last: no later row is below the lower of two neighbours.
    if (lowest >= limit && lowestOfRow >= limit) return limit
    lowest = lowestOfRow
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
