import test from 'ava'
import { syscallFunction } from '../../../src/links/hooks/kernel-probes/ksyscall.ts'
import { KernelSymbols } from '../../../src/symbols/kallsyms.ts'
import { syscallPrefix } from '../../../src/symbols/syscall-wrapper.ts'

/** A kernel whose system calls are functions with a prefix. */
function kernel(prefix: string): KernelSymbols {
  const lines = ['bpf', 'openat'].map(name => `ffffffff81000000 T ${prefix}${name}\n`)
  return new KernelSymbols(new TextEncoder().encode(lines.join('')))
}

for (const [architecture, prefix] of [
  ['arm', '__arm_sys_'],
  ['arm64', '__arm64_sys_'],
  ['ia32', '__ia32_sys_'],
  ['mips', '__mips_sys_'],
  ['mipsel', '__mips_sys_'],
  ['ppc64', '__powerpc_sys_'],
  ['riscv64', '__riscv_sys_'],
  ['s390', '__s390_sys_'],
  ['s390x', '__s390x_sys_'],
  ['x64', '__x64_sys_'],
] as const) {
  test(`${architecture}: system calls with and without wrappers`, t => {
    t.is(syscallPrefix(architecture, kernel(prefix)), prefix)
    t.is(syscallFunction('openat', kernel(prefix), architecture), `${prefix}openat`)
    t.is(syscallPrefix(architecture, kernel('sys_')), 'sys_')
    t.is(syscallFunction('openat', kernel('sys_'), architecture), 'sys_openat')
  })
}

test('an architecture without wrappers', t => {
  t.is(syscallPrefix('loong64', kernel('sys_')), 'sys_')
})

test('a system call that the kernel lacks', t => {
  t.throws(() => syscallFunction('futex_waitv', kernel('__x64_sys_'), 'x64'), {
    code: 'ENOENT',
    message: 'The kernel has no system call futex_waitv: its function __x64_sys_futex_waitv does not exist',
  })
})

test('malformed names of system calls', t => {
  for (const name of ['', 'sys openat', '__x64_sys_openat\n', 'Openat', 'a:b']) {
    t.throws(() => syscallFunction(name, kernel('__x64_sys_'), 'x64'), { instanceOf: TypeError })
  }
})
