/**
 * Targets as section names write them.
 *
 * Source: libbpf `attach_kprobe`, `attach_uprobe`, `attach_uprobe_multi`.
 *
 * @module
 */

const NUMBER = /^(?:\d+|0x[0-9a-f]+)$/i

/** Whether a text is a number, decimal or hexadecimal. */
export function isNumber(text: string): boolean {
  return NUMBER.test(text)
}

/**
 * Reads `'FUNCTION+8'` or `'FUNCTION+0x8'`; the offset is 0 when it is left out.
 *
 * @throws TypeError when the offset is not a number
 */
export function splitOffset(text: string): { name: string; offset: number } {
  const plus = text.indexOf('+')
  if (plus === -1) return { name: text, offset: 0 }
  const offset = text.slice(plus + 1)
  if (!isNumber(offset)) throw new TypeError(`${JSON.stringify(offset)} is not an offset`)
  return { name: text.slice(0, plus), offset: Number(offset) }
}

/**
 * Reads `'PATH:REST'`; the path itself may contain colons.
 *
 * @param form names what is expected in the message: `'PATH:FUNCTION'`
 * @throws TypeError when one of the two is missing
 */
export function splitPath(text: string, form: string): [path: string, rest: string] {
  const colon = text.lastIndexOf(':')
  if (colon <= 0 || colon === text.length - 1) throw new TypeError(`${JSON.stringify(text)} is not ${form}`)
  return [text.slice(0, colon), text.slice(colon + 1)]
}
