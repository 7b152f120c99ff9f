/**
 * User namespaces.
 *
 * @module
 */

import { readlinkSync } from 'node:fs'

/** What procfs shows of the initial one. Source: include/linux/proc_ns.h `PROC_USER_INIT_INO`. */
const INITIAL = 'user:[4026531837]'

let initial: boolean | undefined

/**
 * Whether this process is in the initial user namespace, whose capabilities reach everything; `true` without procfs. A
 * process with several threads, such as Node.js, stays in its user namespace.
 */
export function inInitialUserNamespace(): boolean {
  if (initial === undefined) {
    try {
      initial = readlinkSync('/proc/self/ns/user') === INITIAL
    } catch {
      initial = true
    }
  }
  return initial
}
