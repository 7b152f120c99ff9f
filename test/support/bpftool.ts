/**
 * bpftool, the outside witness of kernel tests.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'

/** Runs `bpftool -j ...args` and parses what it prints. */
export function bpftool(...args: (string | number)[]): unknown {
  const { status, stdout, stderr, error } = spawnSync('bpftool', ['-j', ...args.map(String)], { encoding: 'utf8' })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`bpftool ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout.trim() === '' ? undefined : JSON.parse(stdout)
}
