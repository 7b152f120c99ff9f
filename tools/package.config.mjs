/**
 * Puts what `tsc` made of `src` into few files for `dist`: Node.js 20 takes 0.2 ms for each module that it loads, and
 * the library is some 200 of them.
 *
 * The common path and the rooms behind it are one file, `dist/library.js`; a door such as `dist/maps/index.js` only
 * names what it exports. The rooms `bench` and `inspect` and each command have files of their own. Nothing is
 * dropped, renamed or made shorter, and the source maps lead to `src`.
 *
 * `library.js` exports one object. When V8 compiles a function it compares each global that the function names with
 * the module's exports, one by one: 440 of them took 1.5 ms of a program's first load.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const { exports } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))
const root = fileURLToPath(new URL('../build/package/', import.meta.url))

/** `'maps/index'` for `./dist/maps/index.js`. */
const doors = Object.values(exports)
  .filter(door => typeof door === 'object')
  .map(door => door.default.slice('./dist/'.length, -'.js'.length))

/** Which room a file is in: `''` for the files beside the rooms. */
const roomOf = id => id.slice(root.length).split('/').slice(0, -1).join('/')

/** `{ a, b as c }` as members of an object: `{ a, b: c }`; `'as'` of an export says the same the other way round. */
const members = (names, exported) => names.replace(/(\S+) as ([^\s,]+)/g, exported ? '$2: $1' : '$1: $2')

/** Makes the exports of `library.js` members of one object. Lines stay where the source map says that they are. */
const oneExport = {
  name: 'one export',
  renderChunk(code, { fileName }) {
    const changed =
      fileName === 'library.js'
        ? code
            .replace(/\n\n(?!import )/, '\nexport default (() => {\n')
            .replace(/\nexport \{(.*)\};\s*$/, (_, names) => `\nreturn {${members(names, true)}};\n})();\n`)
        : code.replace(/^(import|export) (\{.*\}) from ('.*\/library\.js');$/m, (_, verb, names, path) => {
            const declare = verb === 'export' ? 'export const' : 'const'
            return `import library from ${path}; ${declare} ${members(names, false)} = library;`
          })
    return { code: changed, map: null }
  },
}

export default {
  input: Object.fromEntries([...doors, 'cli/main'].map(name => [name, `${root}${name}.js`])),
  external: [/^node:/, 'debug', 'koffi'],
  treeshake: false,
  // `tsc` asks for `this` in front of each of its helpers, as for a script.
  onwarn: (warning, warn) => warning.code === 'THIS_IS_UNDEFINED' || warn(warning),
  plugins: [
    {
      name: 'source maps of tsc',
      load: id => ({ code: readFileSync(id, 'utf8'), map: JSON.parse(readFileSync(`${id}.map`, 'utf8')) }),
    },
    oneExport,
  ],
  output: {
    dir: 'dist',
    format: 'es',
    sourcemap: true,
    hoistTransitiveImports: false,
    minifyInternalExports: false,
    entryFileNames: '[name].js',
    chunkFileNames: ({ name }) => (name === 'library' ? 'library.js' : 'cli/[name].js'),
    manualChunks(id) {
      const room = roomOf(id)
      if (room === 'cli') return undefined
      return room === 'bench' || room === 'inspect' ? room : 'library'
    },
  },
}
