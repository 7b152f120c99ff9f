/**
 * Lists the tests that files declare, without running any.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import type { DeclaredTest } from './declared.ts'

const SCRIPT = 'build/lab/test-runner/list-process.js'

/**
 * Lists the tests of compiled test files of the kernel ring.
 *
 * @throws Error when a file cannot be loaded
 */
export function declaredTests(files: readonly string[]): DeclaredTest[] {
  const { status, output } = spawnSync(process.execPath, [SCRIPT, ...files], {
    encoding: 'utf8',
    // The list has a pipe of its own: what the files print as they are loaded does not count.
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 26,
  })
  if (status !== 0) throw new Error(`Cannot list the tests of the kernel ring: ${output[2]}`)
  return JSON.parse(output[3]!) as DeclaredTest[]
}
