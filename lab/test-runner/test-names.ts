/**
 * One name for a test, whatever other files run with it.
 *
 * @module
 */

import { basename } from 'node:path'

const SEPARATOR = ' › '

/** Name of a test file: `'maps/batch'` for `build/test/kernel/maps/batch.test.js`. */
export function fileName(file: string): string {
  return file.replace(/^build\/test\/[^/]*\//, '').replace(/\.test\.js$/, '')
}

/** Whether a table has a test file, by its name, or its folder. */
export function isNamed(name: string, table: Readonly<Record<string, string>>): boolean {
  return name in table || name.split('/', 1)[0]! in table
}

/** Name of the file that a test is in: `'maps/batch'`. */
export function fileOf(test: { readonly name: string }): string {
  return test.name.split(SEPARATOR, 1)[0]!
}

/**
 * Returns a function that turns ava's titles into names: `'maps/batch › a key is found'`. ava leaves out the folders that
 * all files have in common, and the file where only one runs.
 *
 * @param files compiled test files that run together
 */
export function testNamer(files: readonly string[]): (title: string) => string {
  if (files.length === 1) return title => fileName(files[0]!) + SEPARATOR + title
  const shared = commonFolder(files).length
  const prefixes = files.map(file => {
    // Source: ava lib/reporters/prefix-title.js.
    const folders = file.slice(shared).split('/').slice(0, -1)
    const last = basename(file, '.test.js').replace('test-', '')
    return { shown: [...folders, last, ''].join(SEPARATOR), name: fileName(file) + SEPARATOR }
  })
  return title => {
    const prefix = prefixes.find(({ shown }) => title.startsWith(shown))
    // A process that crashed has no name of a file.
    return prefix === undefined ? title : prefix.name + title.slice(prefix.shown.length)
  }
}

/** The longest folder that holds all files: `'build/test/kernel/'`. */
function commonFolder(files: readonly string[]): string {
  const [first = '', ...rest] = files
  let folder = first.slice(0, first.lastIndexOf('/') + 1)
  while (!rest.every(file => file.startsWith(folder))) {
    folder = folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1)
  }
  return folder
}
