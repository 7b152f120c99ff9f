/**
 * Cookies: numbers that a program reads where it is attached, with `bpf_get_attach_cookie`.
 *
 * @module
 */

/**
 * Refuses what is not an unsigned 64-bit number, which would be cut to another one.
 *
 * @param what names the attachment in errors: `'program p to uprobe /bin/bash:readline'`
 * @throws RangeError
 */
export function requireCookie(what: string, cookie: bigint | undefined): void {
  if (cookie !== undefined && BigInt.asUintN(64, cookie) !== cookie) {
    throw new RangeError(`Cannot attach ${what}: cookie ${cookie} is not an unsigned 64-bit number`)
  }
}
