/**
 * The package `debug`, loaded only when the environment variable `DEBUG` asks for something: reading it takes a fifth
 * of the time that importing this library does.
 *
 * @module
 */

import { createRequire } from 'node:module'
import type { Debugger } from 'debug'

/**
 * What prints under `DEBUG=NAMESPACE`, which must be set when the library is imported.
 *
 * @param namespace such as `'ebpf-ts:fd'`
 * @returns `undefined` when nobody listens
 */
export function debugLog(namespace: string): Debugger | undefined {
  if (process.env.DEBUG === undefined) return undefined
  const createDebug: (namespace: string) => Debugger = createRequire(import.meta.url)('debug')
  const debug = createDebug(namespace)
  return debug.enabled ? debug : undefined
}
