/**
 * Running examples.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Runs a compiled example, and returns the lines that it prints. */
export function runExample(
  name: string,
  ...args: string[]
): { code: number | null; lines: string[]; stderr: string } {
  const path = fileURLToPath(new URL(`../../../examples/${name}.js`, import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], {
    encoding: 'utf8',
    timeout: 300_000,
    killSignal: 'SIGKILL',
  })
  return { code: status, lines: stdout.trimEnd().split('\n'), stderr }
}
