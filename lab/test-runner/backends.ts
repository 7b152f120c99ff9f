/**
 * Which tests of the kernel ring run with which backend of the system calls.
 *
 * A backend makes calls, maps memory, watches descriptors, and runs calls on other threads. Tests of what does any of that
 * in a way of its own run with each backend, and so does every file that is not named here. The files below reach the
 * kernel by calls that those tests make too, so they run once.
 *
 * @module
 */

import { fileName, isNamed } from './test-names.ts'

export const BACKENDS = ['koffi', 'shim'] as const
export type Backend = (typeof BACKENDS)[number]

/** Test files that run once, with the reason: by name, or by folder. */
const ONCE: Readonly<Record<string, string>> = {
  'asm/run': 'what the verifier and the CPU make of instructions',
  bench: 'variants of probes',
  'bench-peers': 'rows of a benchmark',
  btf: 'computes with types',
  cli: 'processes, which choose a backend by themselves',
  'collection/core': 'instructions that are patched before they are loaded',
  'collection/externs': 'instructions that are patched before they are loaded',
  'collection/legacy-maps': 'specs of maps',
  'collection/linked': 'specs of programs',
  'collection/refusals': 'messages',
  'house/faults': 'calls that no backend makes',
  'house/faults-guest': 'calls that no backend makes',
  'house/examples': 'processes, which choose a backend by themselves',
  inspect: 'logs of the verifier',
  'kernel/lockdown': 'refusals of the kernel',
  lab: 'tests of the tests',
  'links/kprobe-errors': 'messages',
  'links/kprobe-multi-errors': 'messages',
  'links/tracing-errors': 'messages',
  'maps/bpftool': 'what bpftool says of maps',
  profile: 'reads a ring buffer, with names from files',
  'programs/bpftool': 'what bpftool says of programs',
  'programs/verifier': 'logs of the verifier',
  'programs/verifier-complex': 'logs of the verifier',
  symbols: 'files of the kernel',
  'syscalls/koffi': 'chooses its backend by itself',
  'syscalls/processes-koffi': 'chooses its backend by itself',
  'syscalls/processes-shim': 'chooses its backend by itself',
  'syscalls/shim': 'chooses its backend by itself',
}

/** Names of files and folders that run once. */
export const ONCE_NAMES: readonly string[] = Object.keys(ONCE)

/** Whether a compiled test file runs with one backend only. */
export function runsOnce(file: string): boolean {
  return isNamed(fileName(file), ONCE)
}

/**
 * The files to run with each of some backends. Those that run once have the last backend, which is the one that users have
 * where both are there.
 */
export function filesByBackend(
  files: readonly string[],
  backends: readonly Backend[],
): ReadonlyMap<Backend, readonly string[]> {
  const last = backends.at(-1)
  return new Map(
    backends.map(each => [each, each === last ? files : files.filter(file => !runsOnce(file))] as const),
  )
}
