/**
 * Names of C++ functions, by the package gecko-profiler-demangle where it is installed: the grammar is that of a language.
 *
 * The package is one for bundlers, which import WebAssembly as a module. Node.js 20 does not, so its two files are loaded here.
 *
 * @module
 */

import { pathToFileURL } from 'node:url'
import { readRegularFile } from '../../kernel/read-file.ts'
import { findPackage, packageFile } from '../../syscalls/packages.ts'

const PACKAGE = 'gecko-profiler-demangle'
/** Bytes of its WebAssembly at most; version 0.4.0 has half a million. */
const MAX_WASM = 16 << 20

/** What is used of WebAssembly, for which the types of ECMAScript have nothing. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object, imports: object) => { exports: Readonly<Record<string, unknown>> }
}

/** What is used of the package. */
interface Glue {
  __wbg_set_wasm(exports: object): void
  demangle_any(name: string): string
}

/**
 * Loads the package.
 *
 * @param above folder below which its `node_modules` are looked for. Default: that of this package
 * @returns a function that gives names back that it does not know; `undefined` when the package is not installed
 * @throws Error when it is another version, which cannot be loaded in this way
 */
export async function loadCxxDemangler(above?: string): Promise<((name: string) => string) | undefined> {
  const folder = findPackage(PACKAGE, above)
  if (folder === undefined) return undefined
  const glue = (await import(pathToFileURL(packageFile(folder, 'index_bg.js')).href)) as Glue
  const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyApi }
  const module = new WebAssembly.Module(readRegularFile(packageFile(folder, 'index_bg.wasm'), MAX_WASM))
  const start = (): void => {
    const { exports } = new WebAssembly.Instance(module, { './index_bg.js': glue })
    glue.__wbg_set_wasm(exports)
    const { __wbindgen_start: begin } = exports
    if (typeof begin === 'function') begin()
  }
  start()
  return name => {
    try {
      return glue.demangle_any(name)
    } catch {
      // A name that it fails at leaves its memory as it is.
      start()
      return name
    }
  }
}
