/**
 * What a process holds of the kernel: for tests that nothing is left behind.
 *
 * @module
 */

import { readdirSync, readlinkSync } from 'node:fs'

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
