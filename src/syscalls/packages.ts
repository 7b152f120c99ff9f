/**
 * Packages that this one depends on, found in the `node_modules` folders above it and nowhere else.
 *
 * `require` goes on where npm installs nothing: in `NODE_PATH`, `~/.node_modules`, `~/.node_libraries` and below the
 * prefix of Node.js. With `sudo` these may be another user's, and what lies there would run as root. For the same reason
 * a folder counts only when this user, root or the owner of this package owns it.
 *
 * Source: Node.js, "Modules: CommonJS modules", loading from `node_modules` folders and from the global folders.
 *
 * @module
 */

import { existsSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Loads a file by its absolute path. Made when it is needed, which is late or never. */
let loadFile: ((path: string) => unknown) | undefined

/**
 * The folder of a package, as npm, pnpm and Yarn lay them out; `undefined` when it is not installed.
 *
 * @param above where the search begins: a folder, which is not searched itself
 */
export function findPackage(
  name: string,
  above: string = dirname(fileURLToPath(import.meta.url)),
): string | undefined {
  const found = join(above, 'node_modules', name)
  // The folders above a package are those above the place that a symbolic link of a package manager leads to.
  if (existsSync(join(found, 'package.json')) && isTrusted(found)) return realpathSync(found)
  const parent = dirname(above)
  return parent === above ? undefined : findPackage(name, parent)
}

/**
 * Whether a folder belongs to root, to this user, or to the owner of this package: a folder above may be one where
 * everybody can write, such as `/tmp`.
 */
function isTrusted(folder: string): boolean {
  const trusted = [0, process.geteuid?.(), statSync(fileURLToPath(import.meta.url)).uid]
  return [folder, dirname(folder)].every(each => trusted.includes(statSync(each).uid))
}

/**
 * Loads a CommonJS file of a package.
 *
 * @param file within the package: `'index.cjs'`
 * @throws Error when the package is not installed, or the file cannot be loaded
 */
export function loadFromPackage(name: string, file: string): unknown {
  const folder = findPackage(name)
  if (folder === undefined)
    throw new Error(`Cannot find package ${name} in the node_modules folders above this one`)
  loadFile ??= createRequire(import.meta.url)
  return loadFile(join(folder, file))
}
