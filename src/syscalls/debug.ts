/**
 * The package `debug`, loaded only when the environment variable `DEBUG` asks for something: reading it takes a fifth
 * of the time that importing this library does.
 *
 * @module
 */

import { format } from 'node:util'
import type { Debug } from 'debug'
import { printable } from '../base/text.ts'
import { findPackage, loadFromPackage } from './packages.ts'

/** Prints a message; `%s` and `%d` stand for the arguments. Control characters in them are escaped. */
export type DebugLog = (format: string, ...args: readonly (string | number)[]) => void

/**
 * What prints under `DEBUG=NAMESPACE`, which must be set when the library is imported.
 *
 * @param namespace such as `'ebpf-ts:fd'`
 * @returns `undefined` when the namespace is off, or the package is not installed
 */
export function debugLog(namespace: string): DebugLog | undefined {
  if (process.env.DEBUG === undefined) return undefined
  // Messages are missed then, where an error would keep the whole library from being imported.
  if (findPackage('debug') === undefined) return undefined
  createDebug ??= loadDebug()
  const debug = createDebug(namespace)
  if (!debug.enabled) return undefined
  return (format, ...args) =>
    debug(format, ...args.map(each => (typeof each === 'string' ? printable(each) : each)))
}

let createDebug: Debug | undefined

/**
 * Loads `debug` with an environment of ours. Its own for Node.js tries to load `supports-color`, which it does not depend
 * on: wherever that is found, it would run.
 */
function loadDebug(): Debug {
  const setup = loadFromPackage('debug', 'src/common.js') as (environment: object) => Debug
  return setup({
    colors: [0],
    useColors: () => false,
    load: () => process.env.DEBUG,
    save() {},
    destroy() {},
    // As `debug` prints where the output is not a terminal.
    formatArgs(this: { namespace: string }, args: [string, ...unknown[]]) {
      args[0] = `${new Date().toISOString()} ${this.namespace} ${args[0]}`
    },
    log: (...args: unknown[]) => process.stderr.write(`${format(...args)}\n`),
  })
}
