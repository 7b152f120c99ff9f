/**
 * Packages that this one depends on, found in the `node_modules` folders above it and nowhere else.
 *
 * `require` goes on where npm installs nothing: in `NODE_PATH`, `~/.node_modules`, `~/.node_libraries` and below the
 * prefix of Node.js. With `sudo` these may be another user's, and what lies there would run as root. For the same reason
 * a file counts only when this user, root or the owner of this package owns it and each folder that leads to it, and
 * when no others may write there than may write to this package.
 *
 * Source: Node.js, "Modules: CommonJS modules", loading from `node_modules` folders and from the global folders.
 *
 * @module
 */

import { existsSync, lstatSync, realpathSync, type Stats, statSync } from 'node:fs'
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
  const folder = trustedPath(found)
  const owned = folder !== undefined && isOwned(dirname(found)) && isOwned(found)
  if (owned && existsSync(join(folder, 'package.json'))) return folder
  const parent = dirname(above)
  return parent === above ? undefined : findPackage(name, parent)
}

/** Where this package is, with the rights to it. */
const own = dirname(fileURLToPath(import.meta.url))

/** Whether a folder, or the link in its place, belongs to root, to this user, or to the owner of this package. */
function isOwned(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats !== undefined && hasOwner(stats)
}

function hasOwner({ uid }: Stats): boolean {
  return uid === 0 || uid === process.geteuid?.() || uid === statSync(own).uid
}

/**
 * The real path of a file or folder, when only those can change it who can change this package: a folder above may be one where
 * everybody can write, such as `/tmp`. Folders that this package lies in too are not looked at.
 */
function trustedPath(given: string): string | undefined {
  try {
    const real = realpathSync(given)
    for (
      let path = real;
      !`${realpathSync(own)}/`.startsWith(path === '/' ? path : `${path}/`);
      path = dirname(path)
    )
      if (!isTrusted(statSync(path))) return undefined
    return real
  } catch {
    // Not installed, or just being changed.
    return undefined
  }
}

const GROUP_WRITES = 0o020
const OTHERS_WRITE = 0o002
/** Of a folder: nobody removes or renames what another user owns. */
const STICKY = 0o1000

function isTrusted(stats: Stats): boolean {
  const { mode, gid } = stats
  const mine = statSync(own)
  if (!hasOwner(stats)) return false
  if ((mode & GROUP_WRITES) !== 0 && !(gid === mine.gid && (mine.mode & GROUP_WRITES) !== 0)) {
    if (!stats.isDirectory() || (mode & STICKY) === 0) return false
  }
  if ((mode & OTHERS_WRITE) === 0 || (mine.mode & OTHERS_WRITE) !== 0) return true
  return stats.isDirectory() && (mode & STICKY) !== 0
}

/**
 * The path of a file of a package, to load it from.
 *
 * @param folder that of {@link findPackage}
 * @throws Error when it does not exist, or others may change it
 */
export function packageFile(folder: string, file: string): string {
  const path = trustedPath(join(folder, file))
  if (path !== undefined) return path
  throw new Error(`Cannot load ${join(folder, file)}: it does not exist, or others may change it`)
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
  return loadFile(packageFile(folder, file))
}
