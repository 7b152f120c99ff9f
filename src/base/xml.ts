/**
 * Text that others wrote, made safe for XML and HTML.
 *
 * @module
 */

import { printable } from './text.ts'

/**
 * Makes text safe as content and as a quoted attribute of XML and HTML. What XML does not allow at all, and what acts on
 * the text around it, becomes a visible escape as by {@link printable}: control characters, changes of direction, halves
 * of surrogate pairs, U+FFFE and U+FFFF.
 *
 * Source: XML 1.0, productions 2 (Char) and 14 (CharData).
 */
export function xmlText(text: string): string {
  return printable(text).replace(/[&<>"'\ufffe\uffff]/g, each => {
    const code = each.charCodeAt(0)
    return code < 0x80 ? `&#${code};` : `\\u${code.toString(16)}`
  })
}
