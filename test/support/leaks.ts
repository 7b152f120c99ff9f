/**
 * What a process holds of the kernel: for tests that nothing is left behind.
 *
 * @module
 */

import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** Pipes, sockets and devices are what a test process talks to others with; they come and go in Node's own time. */
const FOREIGN = /^(?:pipe|socket):|^\/dev\/|^\/proc\/\d+\/fd$/

/**
 * Descriptors that this process has open, of BPF objects, perf events, files and whatever else a system call makes: their
 * `/proc/self/fd` targets, sorted.
 */
export function openFds(): string[] {
  const targets: string[] = []
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      if (!FOREIGN.test(target)) targets.push(target)
    } catch {
      // The descriptor of the directory itself is gone by now.
    }
  }
  return targets.sort()
}

/** Lists of dynamic events and of every kprobe that is registered, in any way. */
const PROBES = [
  '/sys/kernel/tracing/kprobe_events',
  '/sys/kernel/tracing/uprobe_events',
  '/sys/kernel/debug/kprobes/list',
] as const

/** Probes that the kernel has, whoever made them: the lines of its lists, as far as they can be read. */
export function probesOfKernel(): string[] {
  return PROBES.flatMap(path => {
    try {
      return readFileSync(path, 'utf8').split('\n')
    } catch {
      // Not mounted, not built in, or kept from root by a lockdown.
      return []
    }
  }).filter(line => line !== '')
}
