/**
 * Files of procfs and sysfs.
 *
 * @module
 */

import { readFileSync } from 'node:fs'

/** Text of a file; `undefined` when it cannot be read, for whatever reason. */
export function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
