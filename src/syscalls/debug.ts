/**
 * The package `debug`, loaded only when the environment variable `DEBUG` asks for something: reading it takes a fifth
 * of the time that importing this library does.
 *
 * @module
 */

import { createRequire } from 'node:module'
import type { Debugger } from 'debug'
import { printable } from '../base/text.ts'

/** Prints a message; `%s` and `%d` stand for the arguments. Control characters in them are escaped. */
export type DebugLog = (format: string, ...args: readonly (string | number)[]) => void

/**
 * What prints under `DEBUG=NAMESPACE`, which must be set when the library is imported.
 *
 * @param namespace such as `'ebpf-ts:fd'`
 * @returns `undefined` when the namespace is off
 */
export function debugLog(namespace: string): DebugLog | undefined {
  if (process.env.DEBUG === undefined) return undefined
  const createDebug: (namespace: string) => Debugger = createRequire(import.meta.url)('debug')
  const debug = createDebug(namespace)
  if (!debug.enabled) return undefined
  return (format, ...args) =>
    debug(format, ...args.map(each => (typeof each === 'string' ? printable(each) : each)))
}
