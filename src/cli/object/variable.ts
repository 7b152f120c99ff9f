/**
 * Values of global variables, as text.
 *
 * @module
 */

import type { VariableSpec } from '../../index.ts'

/**
 * Gives a variable a value, reading the text as what the variable holds now.
 *
 * @throws TypeError, RangeError, SyntaxError, BpfError when it does not fit
 */
export function setVariable(variable: VariableSpec, text: string): void {
  variable.set(parseValue(variable, text))
}

function parseValue(variable: VariableSpec, text: string): unknown {
  const current = variable.get()
  switch (typeof current) {
    case 'bigint':
    case 'number':
      // Empty text would be 0, and `BigInt` would call what it does not understand a syntax error.
      if (!NUMBER.test(text)) throw new TypeError(`it needs a number, not ${JSON.stringify(text)}`)
      return typeof current === 'bigint' ? parseNumber(BigInt, text) : parseNumber(Number, text)
    case 'boolean':
      if (text === 'true' || text === '1') return true
      if (text === 'false' || text === '0') return false
      throw new TypeError('it needs true or false')
    case 'string':
      return text
    default:
      return JSON.parse(text)
  }
}

/** Decimal, with a fraction for floating point numbers, or hexadecimal. */
const NUMBER = /^-?(0[xX][0-9a-fA-F]+|\d+(\.\d+)?)$/

/** `BigInt` and `Number` know no sign before hexadecimal digits. */
function parseNumber(parse: (text: string) => number | bigint, text: string): number | bigint {
  return text.startsWith('-') ? -parse(text.slice(1)) : parse(text)
}
