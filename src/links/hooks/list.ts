/**
 * Lists that go to the kernel as memory and a number of elements.
 *
 * @module
 */

/**
 * A plain array of what a list of the caller has, iterated once: its length and its elements may differ from one reading to
 * the next, and the kernel would read beyond what was written.
 *
 * @param what names the attachment in errors
 * @param name of the option
 * @throws TypeError when it is not iterable
 */
export function copyOfList<T>(what: string, name: string, list: readonly T[] | undefined): T[] | undefined {
  if (list === undefined) return undefined
  if (typeof list === 'object' && list !== null && Symbol.iterator in list) return [...list]
  throw new TypeError(`Cannot attach ${what}: ${name} is not a list`)
}
