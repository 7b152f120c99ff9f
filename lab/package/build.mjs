/**
 * Builds what is published, `dist`: declarations, and the JavaScript that `tsc` makes of `src` in few files. Node.js 20
 * takes 0.2 ms for each module that it loads, and the library is some 200 of them.
 *
 * The common path and the rooms behind it are one file, `dist/library.js`; a door such as `dist/maps/index.js` only
 * names what it exports. The rooms `bench` and `inspect` and each command have files of their own, and so has what all
 * commands share. The code is left as
 * it is but for comments, and a number behind a name that two files have. Source maps lead to `src`.
 *
 * `library.js` exports one object. When V8 compiles a function it compares each global that the function names with
 * the module's exports, one by one: 440 of them took 1 ms of a program's first load.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rollup } from 'rollup'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
/** Where `tsconfig.package.json` has the JavaScript written to. */
const modules = join(root, 'build/package/')
const dist = join(root, 'dist')
const LIBRARY = 'library.js'

function compile(project) {
  const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  const { status, error } = spawnSync(process.execPath, [tsc, '--project', join(root, project)], {
    stdio: 'inherit',
  })
  if (error !== undefined) throw error
  if (status !== 0) process.exit(1)
}

/** `'maps/index'` for `./dist/maps/index.js`. */
function doors() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return Object.values(exports)
    .filter(door => typeof door === 'object')
    .map(door => door.default.slice('./dist/'.length, -'.js'.length))
}

/** Which room a module is in, whatever its folder there: `''` for the files beside the rooms. */
const roomOf = id => /^(?:([^/]+)\/)?/.exec(id.slice(modules.length))[1] ?? ''

/** `{ a, b as c }` as members of an object. */
const exported = names => names.replace(/(\S+) as ([^\s,]+)/g, '$2: $1')
const imported = names => names.replace(/(\S+) as ([^\s,]+)/g, '$1: $2')

/** As `String.replace`, but there must be something to replace. */
function replaced(code, pattern, by) {
  if (!pattern.test(code)) throw new Error(`The bundle has no ${pattern}`)
  return code.replace(pattern, by)
}

/** Makes the exports of the library members of one object. Lines stay where the source map says that they are. */
const oneExport = {
  name: 'one export',
  renderChunk(code, { fileName, imports }) {
    if (fileName === LIBRARY) {
      const opened = replaced(code, /\n\n(?!import )/, '\nexport default (() => {\n')
      const changed = replaced(opened, /\nexport \{(.*)\};\s*$/, (_, names) => {
        // Members are what they were when the library was loaded.
        const variable = names
          .match(/[^\s,]+(?= as |,|\s*$)/g)
          .find(name => new RegExp(`^let ${name.replaceAll('$', '\\$')}\\b`, 'm').test(code))
        if (variable !== undefined) throw new Error(`${variable} is exported and changes`)
        return `\nreturn {${exported(names)}};\n})();\n`
      })
      return { code: changed, map: null }
    }
    if (!imports.includes(LIBRARY)) return null
    const line = /^(import|export) (\{.*\}) from ('.*\/library\.js');$/m
    const changed = replaced(code, line, (_, verb, names, path) => {
      const declare = verb === 'export' ? 'export const' : 'const'
      return `import library from ${path}; ${declare} ${imported(names)} = library;`
    })
    if (line.test(changed)) throw new Error(`${fileName} has two lines about ${LIBRARY}`)
    return { code: changed, map: null }
  },
}

/** What `tsc` has written, with its source maps. */
const compiled = {
  name: 'compiled',
  load: id => ({ code: readFileSync(id, 'utf8'), map: JSON.parse(readFileSync(`${id}.map`, 'utf8')) }),
}

async function bundle() {
  const input = Object.fromEntries([...doors(), 'cli/main'].map(name => [name, `${modules}${name}.js`]))
  const bundled = await rollup({
    input,
    external: [/^node:/, 'debug', 'koffi'],
    treeshake: false,
    onwarn(warning) {
      // `tsc` asks for `this` in front of each of its helpers, as for a script.
      if (warning.code !== 'THIS_IS_UNDEFINED') throw new Error(warning.message)
    },
    plugins: [compiled, oneExport],
  })
  await bundled.write({
    dir: dist,
    format: 'es',
    sourcemap: true,
    hoistTransitiveImports: false,
    minifyInternalExports: false,
    entryFileNames: '[name].js',
    chunkFileNames({ name, facadeModuleId }) {
      if (name === 'library') return LIBRARY
      // Commands of two groups may have one name.
      return facadeModuleId === null ? 'cli/[name].js' : facadeModuleId.slice(modules.length)
    },
    manualChunks(id) {
      const room = roomOf(id)
      // What all commands share is one file; each command is one of its own.
      if (room === 'cli') return /\/cli\/(?:form|output)\//.test(id) ? 'form' : undefined
      return room === 'bench' || room === 'inspect' ? room : 'library'
    },
  })
}

for (const directory of [dist, modules]) rmSync(directory, { recursive: true, force: true })
compile('tsconfig.json')
compile('tsconfig.package.json')
await bundle()
