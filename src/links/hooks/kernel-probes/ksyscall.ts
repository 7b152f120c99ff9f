/**
 * Kprobes on system calls, whose functions are called differently on each architecture.
 *
 * Source: libbpf `bpf_program__attach_ksyscall`; syscall_wrapper.h of each architecture.
 *
 * @module
 */

import { BpfError } from '../../../base/errors.ts'
import { suggestion } from '../../../base/nearest.ts'
import { KernelSymbols } from '../../../symbols/kallsyms.ts'
import { syscallPrefix } from '../../../symbols/syscall-wrapper.ts'
import type { Link, ProgramHandle } from '../../link.ts'
import { bySection, type HookDefinition } from '../definition.ts'
import { type KprobeOptions, type KretprobeOptions, kprobe, kprobeFacts, kretprobe } from './kprobe.ts'

/**
 * Name of the kernel function of a system call, such as `'__x64_sys_openat'` for `'openat'`.
 *
 * @param symbols default: the running kernel's
 * @param architecture default: this machine's
 * @throws TypeError when the name is malformed
 * @throws BpfError with code `ENOENT` when the kernel has no such system call
 */
export function syscallFunction(
  name: string,
  symbols: KernelSymbols = KernelSymbols.read(),
  architecture: NodeJS.Architecture = process.arch,
): string {
  if (!/^[a-z_][a-z0-9_]*$/.test(name)) {
    throw new TypeError(`Cannot find a system call: ${JSON.stringify(name)} is not a name`)
  }
  const prefix = syscallPrefix(architecture, symbols)
  const found = prefix + name
  if (symbols.find(found).length === 0) {
    const like = suggestion(name, syscallNames(symbols, prefix))
    throw new BpfError(`The kernel has no system call ${name}: its function ${found} does not exist${like}`, {
      code: 'ENOENT',
    })
  }
  return found
}

function* syscallNames(symbols: KernelSymbols, prefix: string): Generator<string> {
  for (const { name } of symbols.functions()) if (name.startsWith(prefix)) yield name.slice(prefix.length)
}

/**
 * Attaches a `kprobe` program to the entry of a system call. Since Linux 4.1.
 *
 * With wrappers, the function's only argument is a pointer to the `struct pt_regs` that has the system call's.
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
 * Attaches a `kprobe` program to the return of a system call. Since Linux 4.1.
 *
 * @param name without prefix, such as `'openat'`
 * @throws BpfError as `kretprobe` and `syscallFunction` do
 */
export function kretsyscall(program: ProgramHandle, name: string, options: KretprobeOptions = {}): Link {
  return kretprobe(program, syscallFunction(name), options)
}

/** The hook `ksyscall`. */
export const ksyscallHook: HookDefinition = {
  ...kprobeFacts,
  attachesTo: 'the entry of a system call',
  call: "ksyscall(program, 'openat')",
  target: 'NAME',
  bySection: bySection((program, target) => ({
    link: ksyscall(program, target),
    target: `system call ${target}`,
  })),
}

/** The hook `kretsyscall`. */
export const kretsyscallHook: HookDefinition = {
  ...kprobeFacts,
  attachesTo: 'the return of a system call',
  call: "kretsyscall(program, 'openat')",
  target: 'NAME',
  bySection: bySection((program, target) => ({
    link: kretsyscall(program, target),
    target: `return of system call ${target}`,
  })),
}
