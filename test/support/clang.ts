/**
 * clang, which says whether C that the library wrote is C.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'

/** The first clang that is installed; `undefined` when none is. */
export const clang: string | undefined = ['clang-19', 'clang'].find(
  name => spawnSync(name, ['--version']).status === 0,
)

/** Compiles C for BPF and returns what clang says against it: `''` when it is content. */
export function compile(source: string): string {
  const args = ['-target', 'bpf', '-x', 'c', '-', '-c', '-g', '-O2', '-o', '/dev/null']
  const { stderr, error } = spawnSync(clang!, args, { input: source, encoding: 'utf8' })
  if (error !== undefined) throw error
  return stderr
}
