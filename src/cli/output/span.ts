/**
 * Pieces of a line. Only what is made of them reaches a terminal, escaped, so that styles are the only escape
 * sequences there.
 *
 * @module
 */

/** How a piece of a line looks. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'

/** Text with a style. */
export interface Styled {
  readonly text: string
  readonly style: Style
}

/** A piece of a line: text of any origin. */
export type Span = string | Styled

/** Text in a style, where the terminal has any. */
export function styled(style: Style, text: string): Styled {
  return { text, style }
}

/** The text of a span. */
export function textOf(span: Span): string {
  return typeof span === 'string' ? span : span.text
}

/** The span with another text, in the same style. */
export function withText(span: Span, text: string): Span {
  return typeof span === 'string' ? text : { ...span, text }
}
