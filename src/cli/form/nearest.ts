/**
 * "Did you mean?"
 *
 * @module
 */

/** The word that is most like a mistyped one; `undefined` when none is like it. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  // One slip in a short word, more in a long one.
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  let found: string | undefined
  for (const each of known) {
    if (Math.abs(each.length - word.length) >= least) continue
    const slips = distance(word, each)
    if (slips < least && slips < word.length) {
      least = slips
      found = each
    }
  }
  return found
}

/** The end of a message about a word that is not known: `'; did you mean run?'`, or nothing. */
export function suggestion(word: string, known: Iterable<string>, prefix = ''): string {
  const found = nearest(word, known)
  return found === undefined ? '' : `; did you mean ${prefix}${found}?`
}

/** How many letters are inserted, left out, replaced or swapped with their neighbour (optimal string alignment). */
function distance(a: string, b: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, beforeLast[j - 2]! + 1)
      row.push(least)
    }
    beforeLast = last
    last = row
  }
  return last[b.length]!
}
