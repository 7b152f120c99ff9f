/**
 * Text for terminals.
 *
 * @module
 */

/** Everything that moves a cursor or changes a colour, but for line breaks and tabs, which are the caller's. */
const CONTROL = /[^\P{Cc}\n\t]/gu

/** Makes control characters visible, which names in a file could send to the terminal: ESC becomes `\x1b`. */
export function printable(text: string): string {
  return text.replace(CONTROL, each => `\\x${each.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** `'1 map'`, `'2 maps'`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
