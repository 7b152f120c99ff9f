/**
 * What a process holds of the kernel: for tests that nothing is left behind.
 *
 * @module
 */

import { readdirSync, readlinkSync } from 'node:fs'

/** Descriptors of BPF objects and perf events that this process has open: their `/proc/self/fd` targets, sorted. */
export function openBpfFds(): string[] {
  const targets: string[] = []
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      if (/bpf|btf|perf_event/.test(target)) targets.push(target)
    } catch {
      // The descriptor of the directory itself is gone by now.
    }
  }
  return targets.sort()
}
