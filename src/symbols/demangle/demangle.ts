/**
 * Names as programmers write them.
 *
 * @module
 */

import { loadCxxDemangler } from './cxx.ts'
import { demangleRust } from './rust.ts'

/**
 * Gives Rust names their readable form, without hashes; others stay as they are. What `Symbolizer` does by default.
 *
 * @param name as a file has it
 */
export function demangle(name: string): string {
  return name.startsWith('_R') || name.startsWith('_ZN') ? (demangleRust(name) ?? name) : name
}

/**
 * A function for the option `demangle` of `Symbolizer`: as {@link demangle}, and for C++ names too where the package
 * `gecko-profiler-demangle` is installed beside this one. It leaves out return types.
 *
 * @throws Error when the package is of a version that cannot be used
 */
export async function loadDemangler(): Promise<(name: string) => string> {
  const cxx = await loadCxxDemangler()
  if (cxx === undefined) return demangle
  return name => {
    const rust = demangle(name)
    return rust === name && name.startsWith('_Z') ? cxx(name) : rust
  }
}
