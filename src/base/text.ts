/**
 * Text that others wrote, made safe to show: names from object files, from the kernel and from other processes can
 * hold anything. A terminal obeys escape sequences, a carriage return hides what stands before it, and a change of
 * direction shows the rest of a line backwards.
 *
 * @module
 */

/**
 * Characters that do something instead of being seen: control characters of both sets (ESC, but also U+009B, which
 * starts the same sequences), those of formatting (directions, zero width), separators of lines and paragraphs, and
 * halves of surrogate pairs.
 */
const active = (): RegExp => /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu
/** The same, but for what shapes text of several lines. Functions: V8 takes 0.1 ms to read each of these classes. */
const activeInLines = (): RegExp => /[^\n\t\P{Cc}]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu

/**
 * Makes text safe to print on one line: control characters, line breaks and tabs too, and invisible characters of
 * formatting become escapes such as `\x1b` and `\u202e`. Idempotent: printable text stays as it is.
 */
export function printable(text: string): string {
  return text.replace(active(), escaped)
}

/** As {@link printable} for text of several lines: line breaks and tabs stay. */
export function printableLines(text: string): string {
  return text.replace(activeInLines(), escaped)
}

/**
 * Makes JSON safe to print: what {@link printable} escapes and `JSON.stringify` leaves in its strings becomes `\u009b`.
 * The document means the same.
 *
 * @param json as `JSON.stringify` returns it
 */
export function printableJson(json: string): string {
  return json.replace(activeInLines(), character =>
    Array.from({ length: character.length }, (_, i) => `\\u${hex(character.charCodeAt(i), 4)}`).join(''),
  )
}

function escaped(character: string): string {
  const code = character.codePointAt(0)!
  if (code < 0x100) return `\\x${hex(code, 2)}`
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\u{${hex(code, 1)}}`
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
