/**
 * The lines of `/proc/kallsyms` as bytes. Pure.
 *
 * Source: kernel/kallsyms.c `s_show`: `ADDRESS TYPE NAME[\t[MODULE]]`, addresses as 16 hexadecimal digits.
 *
 * @module
 */

const NEWLINE = 0x0a
const TAB = 0x09
/** Digits of an address, then a space, the type, a space. */
export const NAME_AT = 19
/** Bytes of the shortest line that is taken for one. */
const SHORTEST = NAME_AT + 1
/** Bytes of a usual line; there is room for more of them if they are shorter. */
const USUAL = 40

/** Where the lines start: from the one that starts at `from` to the one that ends at `to`. */
export function lineStarts(text: Uint8Array, from: number, to: number): Uint32Array {
  let starts = new Uint32Array(Math.ceil((to - from) / USUAL))
  let count = 0
  for (let start = from; start < to && isLine(text, start); start = nextLine(text, start)) {
    if (count === starts.length) {
      const greater = new Uint32Array(2 * count)
      greater.set(starts)
      starts = greater
    }
    starts[count++] = start
  }
  return starts.subarray(0, count)
}

/** Whether there is a line that starts here, and not only what is left of one. */
export function isLine(text: Uint8Array, start: number): boolean {
  return start + SHORTEST <= text.length
}

/** Where the line behind this one starts; behind the text when this one has no end. */
export function nextLine(text: Uint8Array, start: number): number {
  let at = start + NAME_AT
  while (at < text.length && text[at] !== NEWLINE) at++
  return at + 1
}

/** Where the line starts that this byte belongs to, its end included. */
export function startOfLine(text: Uint8Array, at: number): number {
  let start = at
  while (start > 0 && text[start - 1] !== NEWLINE) start--
  return start
}

/** Whether a name ends before this byte. */
export function endsName(text: Uint8Array, at: number): boolean {
  return at >= text.length || text[at] === TAB || text[at] === NEWLINE
}

/** Upper half of a line's address. Two numbers compare several times faster than bigints. */
export function highOf(text: Uint8Array, start: number): number {
  return hex32(text, start)
}

/** Lower half of a line's address. */
export function lowOf(text: Uint8Array, start: number): number {
  return hex32(text, start + 8)
}

/** Negative where a line's address is below the one with these halves, 0 where it is that one. */
export function compareAddress(text: Uint8Array, start: number, high: number, low: number): number {
  return highOf(text, start) - high || lowOf(text, start) - low
}

/** Eight hexadecimal digits, in lower case as the kernel prints them. */
function hex32(text: Uint8Array, at: number): number {
  let value = 0
  // '0' is 0x30, 'a' is 0x61: the low four bits, and 9 more for letters.
  for (let i = at; i < at + 8; i++) value = (value << 4) | ((text[i]! & 15) + 9 * (text[i]! >>> 6))
  return value >>> 0
}
