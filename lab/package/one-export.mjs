/**
 * Makes the exports of the chunk of the lower storeys members of one object. When V8 compiles a function it compares each
 * global that the function names with the module's exports, one by one: 440 of them took 1 ms of a program's first load.
 *
 * @module
 */

import { LIBRARY } from './storeys.mjs'

const FILE = `${LIBRARY}.js`

/** `{ a, b as c }` as members of an object. */
const exported = names => names.replace(/(\S+) as ([^\s,]+)/g, '$2: $1')
const imported = names => names.replace(/(\S+) as ([^\s,]+)/g, '$1: $2')

/** As `String.replace`, but there must be something to replace. */
function replaced(code, pattern, by) {
  if (!pattern.test(code)) throw new Error(`The bundle has no ${pattern}`)
  return code.replace(pattern, by)
}

/** The plugin. Lines stay where the source map says that they are. */
export const oneExport = {
  name: 'one export',
  renderChunk(code, { fileName, imports }) {
    if (fileName === FILE) {
      const opened = replaced(code, /\n\n(?!import )/, `\nconst ${LIBRARY} = (() => {\n`)
      const changed = replaced(opened, /\nexport \{(.*)\};\s*$/, (_, names) => {
        // Members are what they were when the library was loaded. A class that was renamed is a variable that stays.
        const variable = names
          .split(',')
          .map(name => name.trim().split(' as ')[0])
          .find(name =>
            new RegExp(`^let ${name.replaceAll('$', '\\$')}(?![$\\w])(?! = class )`, 'm').test(code),
          )
        if (variable !== undefined) throw new Error(`${variable} is exported and changes`)
        return `\nreturn {${exported(names)}};\n})();\nexport default ${LIBRARY};\n`
      })
      return { code: changed, map: null }
    }
    if (!imports.includes(FILE)) return null
    const line = /^(import|export) (\{.*\}) from ('.*\/library\.js');$/m
    // What names nothing of it stays.
    if (!line.test(code) && /^import '.*\/library\.js';$/m.test(code)) return null
    const changed = replaced(code, line, (_, verb, names, path) => {
      const declare = verb === 'export' ? 'export const' : 'const'
      return `import library from ${path}; ${declare} ${imported(names)} = library;`
    })
    if (line.test(changed)) throw new Error(`${fileName} has two lines about ${FILE}`)
    return { code: changed, map: null }
  },
}
