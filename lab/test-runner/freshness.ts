/**
 * Whether what was built is as new as what it was built from.
 *
 * @module
 */

import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Whether a product is there, and nothing that it is made of has changed since.
 *
 * @param product a file
 * @param sources files and directories; a directory changes when a file is added or removed too
 */
export function isFresh(product: string, sources: readonly string[]): boolean {
  return existsSync(product) && changed(product) >= Math.max(...sources.map(lastChange))
}

function changed(path: string): number {
  return statSync(path).mtimeMs
}

/** When a file, or any file below a directory, last changed. */
function lastChange(path: string): number {
  if (!statSync(path).isDirectory()) return changed(path)
  const below = readdirSync(path, { recursive: true, encoding: 'utf8' }).map(name =>
    changed(join(path, name)),
  )
  return Math.max(changed(path), ...below)
}
