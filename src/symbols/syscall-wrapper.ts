/**
 * Names of the kernel functions of system calls, which differ by architecture.
 *
 * Source: libbpf `arch_specific_syscall_pfx`, `probe_kern_syscall_wrapper`; syscall_wrapper.h of each architecture.
 *
 * @module
 */

import type { KernelSymbols } from './kallsyms.ts'

/** What wrappers put between underscores before the name of a system call (4.17), by Node's architecture. */
const WRAPPERS: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  arm: 'arm',
  arm64: 'arm64',
  ia32: 'ia32',
  mips: 'mips',
  mipsel: 'mips',
  ppc64: 'powerpc',
  riscv64: 'riscv',
  s390: 's390',
  s390x: 's390x',
  x64: 'x64',
}

/**
 * What comes before the name of a system call in the name of its kernel function: `'__x64_sys_'` where the kernel
 * wraps system calls, else `'sys_'`. Like libbpf, looks for the wrapper of `bpf`, which is there if this library is of
 * any use.
 *
 * @param architecture of the kernel, as Node calls it
 */
export function syscallPrefix(architecture: NodeJS.Architecture, symbols: KernelSymbols): string {
  const wrapper = WRAPPERS[architecture]
  const wrapped = `__${wrapper}_sys_`
  return wrapper !== undefined && symbols.find(`${wrapped}bpf`).length > 0 ? wrapped : 'sys_'
}
