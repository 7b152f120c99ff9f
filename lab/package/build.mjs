/**
 * Builds what is published, `dist`, from what the compiler makes of `src`: its JavaScript and its declarations, put into
 * few files. Node.js 20 takes 0.2 ms for each module that it loads, and the library is some 250 of them.
 *
 * `storeys.mjs` says which room goes into which file. A door such as `dist/maps/index.js` only names what it exports. The
 * declarations have the same files; what no door exports, and what is marked `@internal`, is not in them. Source maps lead
 * to `src`.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rollup } from 'rollup'
import { dts } from 'rollup-plugin-dts'
import { asCommonJs, classesChunk, later, laterEntry } from './later.mjs'
import { oneExport } from './one-export.mjs'
import { chunkOf, LATER, LIBRARY, MORE } from './storeys.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
/** Where `tsconfig.package.json` has the JavaScript written to, and `tsconfig.json` the declarations. */
const modules = join(root, 'build/package/')
const declarations = join(root, 'build/declarations/')
const dist = join(root, 'dist')
const external = [/^node:/, 'debug', 'koffi']

async function compile(project) {
  const tsc = join(
    dirname(createRequire(import.meta.url).resolve('@typescript/native/package.json')),
    'bin/tsc',
  )
  const child = spawn(process.execPath, [tsc, '--project', join(root, project)], { stdio: 'inherit' })
  const [status] = await once(child, 'close')
  if (status !== 0) process.exit(1)
}

/** `'maps/index'` for `./dist/maps/index.js`. */
function doors() {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  return Object.values(exports)
    .filter(door => typeof door === 'object')
    .map(door => door.default.slice('./dist/'.length, -'.js'.length))
}

const inputs = (directory, extension, names) =>
  Object.fromEntries(names.map(name => [name, `${directory}${name}${extension}`]))

/** What both bundles write. */
const output = {
  dir: dist,
  format: 'es',
  sourcemap: true,
  hoistTransitiveImports: false,
  minifyInternalExports: false,
}

/** The functions that `tsc` calls for `using`, once instead of in each file. */
const helpers = fileURLToPath(import.meta.resolve('tslib/tslib.es6.mjs'))

/** What `tsc` has written, with its source maps. */
const compiled = {
  name: 'compiled',
  resolveId: id => (id === 'tslib' ? helpers : null),
  load(id) {
    const code = readFileSync(id, 'utf8')
    // No source of ours is behind the helpers.
    return { code, map: id === helpers ? { mappings: '' } : JSON.parse(readFileSync(`${id}.map`, 'utf8')) }
  },
}

/** The modules that a module imports, directly or not, and itself. */
function reached(id, getModuleInfo, seen = new Set()) {
  if (seen.has(id)) return seen
  seen.add(id)
  for (const next of getModuleInfo(id).importedIds) reached(next, getModuleInfo, seen)
  return seen
}

/** Which chunk each module goes into. */
function chunks({ getModuleInfo }) {
  const reachedFrom = ids => new Set(ids.flatMap(id => [...reached(id, getModuleInfo)]))
  const common = reachedFrom([join(modules, 'index.js')])
  const others = reachedFrom(Object.values(inputs(modules, '.js', [...doors(), 'cli/main'])))
  const called = Object.keys(LATER).map(file => [file, reachedFrom([laterEntry(file)])])
  return id => {
    const classes = classesChunk(id, modules)
    if (classes !== undefined) return classes
    if (common.has(id)) return LIBRARY
    const callers = called.filter(([, reached]) => reached.has(id)).map(([file]) => file)
    if (callers.length === 1 && !others.has(id)) return callers[0]
    const chunk = id.startsWith('\0') ? LIBRARY : chunkOf(id.slice(modules.length))
    // What is loaded later can use the library alone.
    return chunk === LIBRARY && callers.length === 0 && !id.startsWith('\0') ? MORE : chunk
  }
}

async function bundleModules() {
  const bundle = await rollup({
    input: {
      ...inputs(modules, '.js', [...doors(), 'cli/main']),
      ...Object.fromEntries(Object.keys(LATER).map(file => [file, laterEntry(file)])),
    },
    external,
    // The code is left as it is, but for comments, and a number behind a name that two files have.
    treeshake: { moduleSideEffects: (id, isExternal) => !isExternal && id !== helpers },
    onwarn(warning) {
      throw new Error(warning.message)
    },
    plugins: [
      later(modules),
      compiled,
      oneExport,
      {
        name: 'CommonJS',
        renderChunk: (code, { fileName }) =>
          fileName in LATER ? { code: asCommonJs(code, fileName), map: null } : null,
      },
    ],
  })
  let chunkIn
  await bundle.write({
    ...output,
    entryFileNames: ({ name }) => (name in LATER ? name : '[name].js'),
    // A chunk with a door in it has the door's name. What is left are the lower storeys and the command line, where
    // commands of two groups may have one name.
    chunkFileNames({ name, facadeModuleId }) {
      if ([LIBRARY, MORE, ...Object.keys(LATER).map(file => file.replace('.cjs', ''))].includes(name))
        return '[name].js'
      return facadeModuleId === null ? 'cli/[name].js' : facadeModuleId.slice(modules.length)
    },
    manualChunks(id, graph) {
      chunkIn ??= chunks(graph)
      return chunkIn(id)
    },
  })
}

async function bundleDeclarations() {
  const input = inputs(declarations, '.d.ts', doors())
  const entries = Object.values(input)
  const bundle = await rollup({
    input,
    external,
    onwarn(warning) {
      throw new Error(warning.message)
    },
    plugins: [dts({ sourcemap: true })],
  })
  await bundle.write({
    ...output,
    entryFileNames: '[name].d.ts',
    chunkFileNames: ({ name }) => (name === LIBRARY ? '[name].d.ts' : '[name]/[name].d.ts'),
    // A door only names what is exported: the plugin loses the source map of one with declarations.
    manualChunks: id => (entries.includes(id) ? undefined : chunkOf(id.slice(declarations.length))),
  })
}

for (const directory of [dist, modules, declarations]) rmSync(directory, { recursive: true, force: true })
await Promise.all([compile('tsconfig.json'), compile('tsconfig.package.json')])
await bundleDeclarations()
// Last, so that its files tell whether all is there.
await bundleModules()
