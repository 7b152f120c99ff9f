/**
 * Options that name a part of an object: `NAME=VALUE`.
 *
 * @module
 */

import { UsageError } from '../form/usage-error.ts'

/**
 * Both sides of an assignment.
 *
 * @param form for messages: `'MAP=N'`
 * @throws UsageError when it is not an assignment
 */
export function assignment(option: string, form: string, given: string): [name: string, value: string] {
  const equals = given.indexOf('=')
  if (equals <= 0) throw new UsageError(`${option} needs ${form}, not ${JSON.stringify(given)}`)
  return [given.slice(0, equals), given.slice(equals + 1)]
}

/**
 * Does what an option says: what it cannot do is wrong use, and the message begins with the option.
 *
 * @param option with its value: `'--only on_exit'`
 */
export function within<T>(option: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw new UsageError(`${option}: ${error instanceof Error ? error.message : String(error)}`)
  }
}
