/**
 * Code that a program does not need from its start, such as that which attaches, or which finds out why a call was
 * refused: it is not in the chunk of the lower storeys, but in files that are loaded when one of their functions is called
 * for the first time. V8 reads what it loads, 30 MB a second, whether it is called or not.
 *
 * Whoever imports a function from a module of `LATER` gets one that loads the file and calls it; its `length` is 0. Whoever imports a class
 * loads the file with it: doors do, and no module of the chunk of the lower storeys may. Of the rest only the modules of
 * the same file can have something. Modules that only they need go with them. The files are CommonJS, since nothing else
 * can be loaded within a call that does not wait; each gets the library that it belongs to as an argument.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs'
import { LATER, LIBRARY, UPPER_ROOMS } from './storeys.mjs'

const PROXY = '\0later:'
const CLASSES = '\0later-classes:'
const DOOR = '\0later-for-doors:'
const LOADER = '\0later-loader:'
const ENTRY = '\0later-entry:'

/** The chunk of what hands on classes of a file of `LATER`: `'perf'`; `undefined` for any other module. */
export function classesChunk(id, modules) {
  const path = behind(CLASSES, id)
  if (path === undefined) return undefined
  return filesIn(modules).get(path.slice(modules.length, -'.js'.length)).replace('.cjs', '')
}

/** The module that exports all modules of a file, by path. */
export const laterEntry = file => `${ENTRY}${file}`

/** Names of the functions that a module exports. */
function functionsOf(path) {
  const exports = readFileSync(path, 'utf8').matchAll(/^export (?:async )?function\*? ?(\w+)/gm)
  return [...exports].map(([, name]) => name)
}

/** Names of the classes that a module exports. */
function classesOf(path) {
  const exports = readFileSync(path, 'utf8').matchAll(/^export (?:abstract )?class (\w+)/gm)
  return [...exports].map(([, name]) => name)
}

/** Whether a module is a door, or of a room above the lower storeys. */
const isAbove = path =>
  path === 'index.js' || path.endsWith('/index.js') || UPPER_ROOMS.includes(path.split('/')[0])

/** What is behind a prefix, or `undefined`. */
const behind = (prefix, id) => (id.startsWith(prefix) ? id.slice(prefix.length) : undefined)

/** The modules of `LATER` below a folder: the file of each, by name. */
function filesIn(modules) {
  const files = new Map()
  const listed = Object.entries(LATER).flatMap(([file, names]) => names.map(name => [file, name]))
  for (const [file, name] of listed) if (!name.endsWith('/')) files.set(name, file)
  for (const [file, folder] of listed.filter(([, name]) => name.endsWith('/'))) {
    for (const each of readdirSync(`${modules}${folder}`, { recursive: true, encoding: 'utf8' })) {
      const name = `${folder}${each.slice(0, -'.js'.length)}`
      if (!each.endsWith('.js') || files.has(name)) continue
      if (classesOf(`${modules}${folder}${each}`).length === 0) files.set(name, file)
    }
  }
  return files
}

/**
 * The plugin.
 *
 * @param modules the folder that the paths of `LATER` are below
 */
export function later(modules) {
  const pathOf = name => `${modules}${name}.js`
  let files
  /** The file of a module, where it is in one. */
  const fileOf = id => {
    files ??= new Map([...filesIn(modules)].map(([name, file]) => [pathOf(name), file]))
    return files.get(id)
  }
  return {
    name: 'later',
    async resolveId(source, importer, options) {
      if (source.startsWith(CLASSES)) return { id: source, moduleSideEffects: false }
      if ([ENTRY, LOADER, PROXY, DOOR].some(prefix => source.startsWith(prefix))) return source
      if (importer === undefined || importer.startsWith(ENTRY)) return null
      const resolved = await this.resolve(source, importer, { ...options, skipSelf: true })
      const file = fileOf(resolved?.id)
      if (file === undefined || fileOf(importer) === file) return null
      const withClasses = isAbove(importer.slice(modules.length)) && classesOf(resolved.id).length > 0
      return `${withClasses ? DOOR : PROXY}${resolved.id}`
    },
    load(id) {
      const entered = behind(ENTRY, id)
      if (entered !== undefined) {
        const names = [...filesIn(modules)].filter(([, file]) => file === entered).map(([name]) => name)
        const imports = names.map((name, i) => `import * as m${i} from ${JSON.stringify(pathOf(name))}`)
        const members = names.map((name, i) => `${JSON.stringify(name)}: m${i}`)
        return {
          code: `${imports.join('\n')}\nexport const later = { ${members.join(', ')} }`,
          map: { mappings: '' },
        }
      }
      const loaded = behind(LOADER, id)
      if (loaded !== undefined) {
        const code = `import { createRequire } from 'node:module'
let loaded
export function later() {
  loaded ??= createRequire(import.meta.url)('./${loaded}')(${LIBRARY})
  return loaded
}`
        return { code, map: { mappings: '' } }
      }
      const exported = behind(DOOR, id)
      if (exported !== undefined) {
        const code = `export * from ${JSON.stringify(`${PROXY}${exported}`)}
export { ${classesOf(exported).join(', ')} } from ${JSON.stringify(`${CLASSES}${exported}`)}`
        return { code, map: { mappings: '' } }
      }
      const path = behind(PROXY, id) ?? behind(CLASSES, id)
      if (path === undefined) return null
      const key = JSON.stringify(path.slice(modules.length, -'.js'.length))
      const lines = [`import { later } from ${JSON.stringify(`${LOADER}${fileOf(path)}`)}`]
      if (id.startsWith(CLASSES)) {
        lines.push(`export const { ${classesOf(path).join(', ')} } = later()[${key}]`)
      } else {
        for (const name of functionsOf(path))
          lines.push(`export function ${name}(...args) { return later()[${key}].${name}(...args) }`)
      }
      return { code: lines.join('\n'), map: { mappings: '' } }
    },
  }
}

/** A file of `LATER` as CommonJS, with as many lines. */
export function asCommonJs(code, file) {
  const builtin = /^import (?:(\w+), )?\{(.*)\} from '(node:[\w/]+)';$/gm
  const changed = code
    .replace(/^import library from '\.\/library\.js'; const/m, 'module.exports = library => { const')
    .replace(builtin, (_, whole, names, path) => {
      if (whole !== undefined) throw new Error(`${file} imports the whole of ${path}`)
      return `const {${names.replace(/(\w+) as (\w+)/g, '$1: $2')}} = require('${path}');`
    })
    .replace(/^export \{ later \};$/m, 'return later; };')
  const left = /^(?:import|export)\b.*$/m.exec(changed)
  if (left !== null) throw new Error(`${file} has a line that is not CommonJS: ${left[0]}`)
  return changed
}
