/**
 * What is looked up before something can be attached: a file, a function, a tracepoint.
 *
 * @module
 */

import { BpfError, withAction } from '../base/errors.ts'

/**
 * Runs the look-up; its errors say what could not be attached.
 *
 * @param what names the attachment: `'program p to uprobe libc.so.6:malloc'`
 */
export function attaching<T>(what: string, look: () => T): T {
  try {
    return look()
  } catch (error) {
    throw error instanceof BpfError ? withAction(error, `Cannot attach ${what}`) : error
  }
}
