/**
 * The commands of the tool, and the groups.
 *
 * @module
 */

import type { CommandTable } from '../form/command.ts'

/** Single-word commands, and groups. */
export const commands: CommandTable = {
  run: {
    summary: 'load an object, attach its programs, print its ring buffers',
    command: () => import('./run.ts'),
  },
  inspect: {
    summary: 'show what is in an object, without a kernel',
    command: () => import('./inspect.ts'),
  },
  verify: {
    summary: 'load each program of objects alone, and print what the verifier says',
    command: () => import('./verify.ts'),
  },
  profile: {
    summary: 'show which functions take the time of the CPUs, or wait',
    command: () => import('./profile.ts'),
  },
  kprobe: {
    summary: 'run the program of an object at a kernel function',
    command: () => import('./kprobe.ts'),
  },
  tracelog: {
    summary: 'print what programs write by bpf_trace_printk',
    command: () => import('./tracelog.ts'),
  },
  bench: {
    summary: 'measure this kernel',
    group: () => import('./bench/group.ts'),
  },
  version: {
    summary: 'print the versions of this tool, Node.js and the kernel',
    command: () => import('./version.ts'),
  },
}
