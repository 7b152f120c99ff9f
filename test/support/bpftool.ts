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

/** Perf events of this process with a program, as `bpftool perf show` lists them. */
export function bpftoolPerf(): Record<string, unknown>[] {
  const all = bpftool('perf', 'show') as { pid: number; fd: number }[]
  return all.filter(({ pid }) => pid === process.pid).map(({ pid, fd, ...facts }) => facts)
}

/** A link as bpftool lists it; what else there is depends on its type. */
export interface ShownLink {
  readonly id: number
  readonly type: string
  readonly prog_id: number
  /** Targets of a kprobe_multi link. */
  readonly funcs?: readonly { readonly func: string; readonly cookie: number }[]
}

/** What bpftool lists of a link. Asked for one link alone, some of its versions fail after they have shown it. */
export function bpftoolLink(id: number): ShownLink {
  const link = (bpftool('link', 'show') as ShownLink[]).find(each => each.id === id)
  if (link === undefined) throw new Error(`bpftool lists no link ${id}`)
  return link
}
