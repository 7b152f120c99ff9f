/**
 * Punycode, which identifiers with letters beyond ASCII have in mangled names. Pure.
 *
 * Source: RFC 3492, with `_` in place of `-` as RFC 2603 has it.
 *
 * @module
 */

const BASE = 36
const [T_MIN, T_MAX, SKEW, DAMP] = [1, 26, 38, 700]
const FIRST_BIAS = 72
const FIRST_CODE = 128
const LAST_CODE = 0x10_ffff
/** Characters of an identifier at most: each letter moves those behind it. */
const LONGEST = 1 << 12

/** The text of an identifier; `undefined` when it is not valid, or longer than 4096 characters. */
export function decodePunycode(encoded: string): string | undefined {
  if (encoded.length > LONGEST) return undefined
  const split = encoded.lastIndexOf('_')
  const codes = Array.from(split === -1 ? '' : encoded.slice(0, split), each => each.codePointAt(0)!)
  let code = FIRST_CODE
  let bias = FIRST_BIAS
  let place = 0
  for (let at = split + 1; at < encoded.length; ) {
    const before = place
    for (let weight = 1, k = BASE; ; k += BASE) {
      const digit = digitOf(encoded.charCodeAt(at++))
      if (digit === undefined) return undefined
      place += digit * weight
      const threshold = Math.min(Math.max(k - bias, T_MIN), T_MAX)
      if (digit < threshold) break
      weight *= BASE - threshold
      if (place > Number.MAX_SAFE_INTEGER) return undefined
    }
    const length = codes.length + 1
    bias = adapted(place - before, length, before === 0)
    code += Math.floor(place / length)
    place %= length
    if (code > LAST_CODE) return undefined
    codes.splice(place++, 0, code)
  }
  return String.fromCodePoint(...codes)
}

function adapted(distance: number, length: number, first: boolean): number {
  let delta = first ? Math.floor(distance / DAMP) : distance >> 1
  delta += Math.floor(delta / length)
  let k = 0
  for (; delta > ((BASE - T_MIN) * T_MAX) >> 1; k += BASE) delta = Math.floor(delta / (BASE - T_MIN))
  return k + Math.floor(((BASE - T_MIN + 1) * delta) / (delta + SKEW))
}

/** `a` to `z` are 0 to 25, digits 26 to 35. */
function digitOf(code: number): number | undefined {
  if (code >= 0x61 && code <= 0x7a) return code - 0x61
  if (code >= 0x30 && code <= 0x39) return code - 0x30 + 26
  return undefined
}
