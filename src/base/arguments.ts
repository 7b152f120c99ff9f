/**
 * Arguments of the wrong kind, where what goes on with them would blame something else.
 *
 * @module
 */

/**
 * Refuses what cannot be a spec, such as the name of a file.
 *
 * @param call what was called: `'Collection.load'`
 * @param wanted what it takes: `'CollectionSpec'`
 * @param member that every such spec has
 * @param hint what to do instead
 * @throws TypeError
 */
export function requireSpec(
  value: unknown,
  call: string,
  wanted: string,
  member: string,
  hint?: string,
): void {
  if (typeof value === 'object' && value !== null && member in value) return
  const given =
    value === null ? 'null' : typeof value === 'object' ? `an object without ${member}` : typeof value
  throw new TypeError(`${call} takes a ${wanted}, not ${given}${hint === undefined ? '' : `; ${hint}`}`)
}
