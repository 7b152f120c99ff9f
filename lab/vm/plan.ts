/**
 * Which kernel tests run in which guest.
 *
 * What a kernel's version cannot change runs on the host only. What it can runs on the oldest kernel that has all that a test
 * needs, and on the newest; what compares the library's tables of first releases with a kernel, on every one. What the CPU can change runs on the other architecture too. An emulated guest is some ten times
 * slower than a machine: everything everywhere (`npm run test:vm -- --all`) is for before a release.
 *
 * @module
 */

import { type DeclaredTest, formatRange, inRange, type VersionRange } from '../test-runner/declared.ts'
import { fileName, isNamed } from '../test-runner/test-names.ts'
import type { KernelChoice } from './kernels.ts'

/** Test files, and folders of them, whose results no version of the kernel changes, with the reason. */
export const HOST_FILES: Readonly<Record<string, string>> = {
  'bench-peers/ours': 'the rows of a benchmark do their work',
  'btf/dedup': 'computes with types, of any kernel',
  cli: 'the command line, built on what has tests of its own',
  'cli/verify': 'the command line; what it verifies has tests of its own',
  'collection/refusals': 'no kernel of the matrix lacks what those must lack',
  'house/faults': 'what the library does when a call fails, whichever kernel does not see it',
  'house/later': 'which files Node.js loads',
  'house/user-code': 'what code of the caller may do in the library',
  lab: 'tests of the tests',
  'house/profile-example': 'an emulated CPU is too slow for a server to be busy',
  'profile/names': 'functions in user space; an emulated CPU is too slow for Node.js to be busy with one',
  'programs/verifier-complex': 'a program that is too large for any kernel',
  'symbols/process': 'files of user space',
  'syscalls/koffi': 'the calling convention, which depends on the CPU',
  'syscalls/processes-koffi': 'the ends of processes and workers',
  'syscalls/processes-shim': 'the ends of processes and workers',
  'syscalls/profiler': 'signals that Node.js sends to itself',
  'syscalls/shim': 'the calling convention, which depends on the CPU',
  'syscalls/workers': 'the ends of workers',
}

/** Test files among those that need what the host may lack: for the newest kernel. */
export const NEWEST_FILES: Readonly<Record<string, string>> = {
  'bench-peers/attach': 'a row of a benchmark that attaches probes',
  'cli/kprobe': 'the command line; kprobes have tests of their own',
  'house/examples': 'programs that attach probes',
  'house/faults-guest': 'what the library does when a call fails that the host cannot make',
}

/** Test files whose results depend on the CPU, with the reason. */
export const ARCHITECTURE_FILES: Readonly<Record<string, string>> = {
  'asm/run': 'compiled instructions',
  'bench/probes': 'machine code of the helper',
  'collection/core': 'registers, by their names in types',
  'collection/externs': 'configuration and functions of the kernel',
  'collection/load': 'memory of variables',
  'kernel/facts': 'CPUs, the kernel’s own types',
  'kernel/since': 'first releases differ',
  'links/have-hook': 'first releases differ',
  'links/kprobe': 'registers, and functions that can be probed',
  'links/kprobe-multi': 'ftrace',
  'links/ksyscall': 'how system calls pass their arguments',
  'links/tracing': 'trampolines',
  'links/uprobe': 'registers, machine code of the target',
  'maps/arena': 'pages, addresses',
  'maps/memory': 'pages',
  'programs/program': 'compiled instructions',
  'readers/perf-buffer': 'the order of memory accesses',
  'readers/ring-buffer': 'the order of memory accesses',
  'readers/ring-records': 'the order of memory accesses',
  'symbols/kallsyms': 'addresses',
  'syscalls/koffi': 'the calling convention',
  'syscalls/processes-koffi': 'the calling convention of callbacks',
}

/** Whether only the host runs a test file. */
export function isHostFile(name: string): boolean {
  return !(name in NEWEST_FILES) && isNamed(name, HOST_FILES)
}

/** What a guest runs. */
export interface GuestPlan {
  /** Compiled test files. */
  readonly files: readonly string[]
  /** The tests of those files, by the kernels that they need; `undefined`: all. */
  readonly range: string | undefined
}

/** The guests that have versions to choose from: kernels of the host's architecture, oldest to newest. */
function versions(kernels: readonly KernelChoice[], arch: string): readonly KernelChoice[] {
  return kernels.filter(each => each.arch === arch)
}

/**
 * The tests that belong to a kernel because it is the oldest that has what they need; `undefined` for the newest one, which
 * runs all, and for one that is not among the versions.
 */
export function rangeOf(
  kernel: KernelChoice,
  kernels: readonly KernelChoice[],
  arch: string = process.arch,
): VersionRange | undefined {
  const all = versions(kernels, arch)
  const at = all.indexOf(kernel)
  return at < 0 || at === all.length - 1 ? undefined : { after: all[at - 1]?.name, upTo: kernel.name }
}

/**
 * What a guest runs of some test files.
 *
 * @param kernel one of `kernels`
 * @param kernels the matrix
 * @param files compiled test files
 * @param tests what the files declare
 * @param arch architecture of the host
 */
export function planGuest(
  kernel: KernelChoice,
  kernels: readonly KernelChoice[],
  files: readonly string[],
  tests: readonly DeclaredTest[],
  arch: string = process.arch,
): GuestPlan {
  const pick = (wanted: (name: string) => boolean): string[] => files.filter(each => wanted(fileName(each)))
  if (kernel.arch !== arch) return { files: pick(name => name in ARCHITECTURE_FILES), range: undefined }
  const range = rangeOf(kernel, kernels, arch)
  if (range === undefined) return { files: pick(name => !isHostFile(name)), range: undefined }
  const inside = new Set(tests.filter(({ since }) => inRange(since, range)).map(({ file }) => file))
  const wanted = (name: string): boolean => inside.has(name) && !isHostFile(name) && !(name in NEWEST_FILES)
  return { files: pick(wanted), range: formatRange(range) }
}
