/**
 * Kprobes on system calls, whose functions are called differently on each architecture.
 *
 * Source: libbpf `bpf_program__attach_ksyscall`; syscall_wrapper.h of each architecture.
 *
 * @module
 */

import { BpfError } from '../errors.ts'
import { KernelSymbols } from '../kernel/index.ts'
import { type KprobeOptions, type KretprobeOptions, kprobe, kretprobe } from './kprobe.ts'
import type { Link, ProgramHandle } from './link.ts'

/** What wrappers put before the name of a system call (4.17); `'sys_'` without wrappers. */
const PREFIXES: Partial<Record<NodeJS.Architecture, string>> = { x64: '__x64_sys_', arm64: '__arm64_sys_' }
const WITHOUT_WRAPPER = 'sys_'

let prefix: string | undefined

/**
 * Name of the kernel function of a system call, such as `'__x64_sys_openat'` for `'openat'`.
 *
 * @throws TypeError when the name is none of a system call
 * @throws BpfError with code `ENOENT` when the kernel has no such system call
 */
export function syscallFunction(name: string): string {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) {
    throw new TypeError(`Cannot find a system call: ${JSON.stringify(name)} is not a name`)
  }
  const symbols = KernelSymbols.read()
  if (prefix === undefined) {
    const wrapped = PREFIXES[process.arch]
    prefix = wrapped !== undefined && symbols.find(`${wrapped}bpf`).length > 0 ? wrapped : WITHOUT_WRAPPER
  }
  if (symbols.find(prefix + name).length === 0) {
    throw new BpfError(`There is no system call ${name}: the kernel has no function ${prefix}${name}`, {
      code: 'ENOENT',
    })
  }
  return prefix + name
}

/**
 * Attaches a `kprobe` program to the entry of a system call (4.1).
 *
 * @param name without prefix, such as `'openat'`
 * @throws BpfError as `kprobe` and `syscallFunction` do
 */
export function ksyscall(
  program: ProgramHandle,
  name: string,
  options: Omit<KprobeOptions, 'offset'> = {},
): Link {
  return kprobe(program, syscallFunction(name), options)
}

/**
 * Attaches a `kprobe` program to the return of a system call (4.1).
 *
 * @param name without prefix, such as `'openat'`
 * @throws BpfError as `kretprobe` and `syscallFunction` do
 */
export function kretsyscall(program: ProgramHandle, name: string, options: KretprobeOptions = {}): Link {
  return kretprobe(program, syscallFunction(name), options)
}
