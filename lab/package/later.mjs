/**
 * Code that a program which goes well does not need, such as that which finds out why a call was refused: it is not in the
 * chunk of the lower storeys, but in a file that is loaded when one of its functions is called for the first time. V8 reads
 * what it loads, 30 MB a second, whether it is called or not.
 *
 * Whoever imports a function from a module of `LATER` gets one that loads the file and calls it; of the rest only these
 * modules themselves can have something. Modules that only they need go with them. The file is CommonJS, since nothing
 * else can be loaded within a call that does not wait; it gets the library that it belongs to as an argument.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { LATER, LATER_FILE, LIBRARY } from './storeys.mjs'

const PROXY = '\0later:'
const LOADER = '\0later-loader'
/** The module that exports all of them, by path. */
export const LATER_ENTRY = '\0later-entry'

/** Names of the functions that a module exports. */
function functionsOf(path) {
  const exports = readFileSync(path, 'utf8').matchAll(/^export (?:async )?function\*? ?(\w+)/gm)
  return [...exports].map(([, name]) => name)
}

/**
 * The plugin.
 *
 * @param modules the folder that the paths of `LATER` are below
 */
export function later(modules) {
  const paths = new Set(LATER.map(path => `${modules}${path}.js`))
  return {
    name: 'later',
    async resolveId(source, importer, options) {
      if (source === LATER_ENTRY || source === LOADER || source.startsWith(PROXY)) return source
      if (importer === undefined || importer === LATER_ENTRY || paths.has(importer)) return null
      const resolved = await this.resolve(source, importer, { ...options, skipSelf: true })
      return resolved !== null && paths.has(resolved.id) ? `${PROXY}${resolved.id}` : null
    },
    load(id) {
      if (id === LATER_ENTRY) {
        const imports = [...paths].map((path, i) => `import * as m${i} from ${JSON.stringify(path)}`)
        const members = [...paths].map((path, i) => `${JSON.stringify(path.slice(modules.length))}: m${i}`)
        return {
          code: `${imports.join('\n')}\nexport const later = { ${members.join(', ')} }`,
          map: { mappings: '' },
        }
      }
      if (id === LOADER) {
        const code = `import { createRequire } from 'node:module'
let loaded
export function later() {
  loaded ??= createRequire(import.meta.url)('./${LATER_FILE}')(${LIBRARY})
  return loaded
}`
        return { code, map: { mappings: '' } }
      }
      if (!id.startsWith(PROXY)) return null
      const path = id.slice(PROXY.length)
      const key = JSON.stringify(path.slice(modules.length))
      const functions = functionsOf(path).map(
        name => `export function ${name}(...args) { return later()[${key}].${name}(...args) }`,
      )
      return {
        code: `import { later } from ${JSON.stringify(LOADER)}\n${functions.join('\n')}`,
        map: { mappings: '' },
      }
    },
  }
}

/** The chunk as CommonJS, with as many lines. */
export function asCommonJs(code) {
  const builtin = /^import (?:(\w+), )?\{(.*)\} from '(node:[\w/]+)';$/gm
  const changed = code
    .replace(/^import library from '\.\/library\.js'; const/m, 'module.exports = library => { const')
    .replace(builtin, (_, whole, names, path) => {
      if (whole !== undefined) throw new Error(`${LATER_FILE} imports the whole of ${path}`)
      return `const {${names.replace(/(\w+) as (\w+)/g, '$1: $2')}} = require('${path}');`
    })
    .replace(/^export \{ later \};$/m, 'return later; };')
  const left = /^(?:import|export)\b.*$/m.exec(changed)
  if (left !== null) throw new Error(`${LATER_FILE} has a line that is not CommonJS: ${left[0]}`)
  return changed
}
