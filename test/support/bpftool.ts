/**
 * bpftool, the outside witness of kernel tests.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'

/** Runs `bpftool -j ...args` and parses what it prints. */
export function bpftool(...args: (string | number)[]): unknown {
  const { status, signal, stdout, stderr, error } = spawnSync('bpftool', ['-j', ...args.map(String)], {
    encoding: 'utf8',
  })
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`bpftool ${args.join(' ')}: ${signal ?? status}: ${stdout}${stderr}`)
  return stdout.trim() === '' ? undefined : JSON.parse(stdout)
}

/** What bpftool lists of a link. Asked for one link alone, some of its versions fail after they have shown it. */
export function bpftoolLink(id: number): Record<string, unknown> | undefined {
  return (bpftool('link', 'show') as Record<string, unknown>[]).find(each => each['id'] === id)
}
