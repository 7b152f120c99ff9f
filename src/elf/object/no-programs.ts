/**
 * Why the code of an object yields no program: such an object is never silent.
 *
 * @module
 */

import type { ElfSection } from '../headers.ts'
import type { ObjectFunction } from './code.ts'

/** Names that a reason lists. */
const MAX_LISTED = 3

/**
 * Why an object without programs has none.
 *
 * @param code sections with instructions
 * @param functions all functions of the object, of which none is a program
 * @returns `undefined` when the object has no code
 */
export function whyNoPrograms(
  code: readonly ElfSection[],
  functions: readonly ObjectFunction[],
): string | undefined {
  if (code.length === 0) return undefined
  if (functions.length === 0) {
    const names = listed(code.map(({ name }) => name))
    return `no symbol names a function in its code (${names})`
  }
  const names = listed(functions.map(({ name }) => name))
  if (functions.every(({ symbol }) => symbol.binding === 'local'))
    return `its functions (${names}) are static, for programs to call; a program is a global function`
  return `its functions (${names}) are in section .text, for programs to call; SEC("...") makes a function a program`
}

function listed(names: readonly string[]): string {
  const more = names.length - MAX_LISTED
  return names.slice(0, MAX_LISTED).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
