/**
 * Differences from libbpf that are meant, each with its cause. Any other fails the run.
 *
 * @module
 */

import { mapTypes } from '../../src/abi/generated/enums.ts'
import { BPF_F_MMAPABLE } from '../../src/abi/generated/flags.ts'
import { EBADF } from '../../src/base/errno.ts'
import type { Difference } from './compare.ts'

/** A kind of difference. */
export interface Known {
  readonly cause: string
  matches(difference: Difference): boolean
}

/** All of them. */
export const known: readonly Known[] = [
  {
    cause: 'libbpf since 1.0 does not read maps from before BTF',
    matches: ({ about, twins }) =>
      about === 'object' &&
      /legacy map definitions in 'maps' section|bad map relo against '.*' in section '(?:maps\/|[^']*\/maps')/.test(
        String(twins?.message),
      ),
  },
  {
    cause: 'libbpf since 1.0 takes the only function of an object, when it is in .text, for no program',
    matches: ({ about, fields, ours, twins }) =>
      about === 'program' && fields[0] === 'missing' && ours?.section === '.text' && twins === undefined,
  },
  {
    // Its programs that use it are not loaded, and the error says what is missing; others are.
    cause:
      'libbpf refuses an object with an extern that its BTF does not declare, also when programs do not use it',
    matches: ({ about, ours, twins }) =>
      about === 'object' && ours?.error === 0 && /failed to find BTF for extern/.test(String(twins?.message)),
  },
  {
    cause: 'libbpf refuses an object with a static function in the section of a program',
    matches: ({ about, ours, twins }) =>
      about === 'object' &&
      ours?.error === 0 &&
      /program '.*' is static and not supported/.test(String(twins?.message)),
  },
  {
    // Compilers before clang 8 gave them none.
    cause: 'libbpf takes a symbol without a type for no function and no map',
    matches: ({ object, about, fields, twins }) =>
      /-untyped\/[^/]*$/.test(object) &&
      (about === 'program' || about === 'map') &&
      fields[0] === 'missing' &&
      twins === undefined,
  },
  {
    cause: 'libbpf refuses calls of functions in sections such as .text.cold',
    matches: ({ about, ours, twins }) =>
      (about === 'object' || about === 'load') &&
      ours?.error === 0 &&
      /bad call relo against '.*' in section '\.text\./.test(String(twins?.message)),
  },
  {
    // It looks for them in .text alone.
    cause: 'libbpf finds no exception callback in a section such as .text.cold',
    matches: ({ object, about, ours, twins }) =>
      /-sections\/[^/]*$/.test(object) &&
      about === 'load' &&
      ours?.error === 0 &&
      /cannot find exception callback/.test(String(twins?.message)),
  },
  {
    // Both refuse the program.
    cause: 'libbpf checks exception callbacks itself, before the verifier does',
    matches: ({ about, fields, ours, twins }) =>
      about === 'load' &&
      fields.join() === 'processed' &&
      ours?.error !== 0 &&
      /exception callback/.test(String(twins?.message)),
  },
  {
    cause: 'libbpf takes functions in sections such as .text.cold for programs',
    matches: ({ about, fields, ours, twins }) =>
      about === 'program' &&
      fields[0] === 'missing' &&
      ours === undefined &&
      String(twins?.section).startsWith('.text.'),
  },
  {
    // What is beside the lock is read and written by look-ups.
    cause: 'libbpf cannot map a data section with a lock into memory',
    matches: ({ about, ours, twins }) =>
      about === 'load' &&
      ours?.error === 0 &&
      /failed to re-mmap\(\) contents: -ENOTSUPP/.test(String(twins?.message)),
  },
  {
    // Static variables are variables of the collection too.
    cause: 'data sections without a global variable are BPF_F_MMAPABLE as well',
    matches: ({ about, name, fields, ours, twins }) =>
      about === 'map' &&
      name.startsWith('.') &&
      fields.join() === 'flags' &&
      Number(ours?.flags) === (Number(twins?.flags) | BPF_F_MMAPABLE),
  },
  {
    cause:
      'the type of the records of a ring buffer, by which readers decode them, gives the kernel no value size',
    matches: ({ about, fields, ours, twins }) =>
      (about === 'map' && fields.join() === 'value' && ours?.type === mapTypes.ringbuf && ours.value === 0) ||
      (about === 'load' &&
        ours?.error === 0 &&
        ours.processed !== -1 &&
        /Error in bpf_create_map_xattr\((\w+)\): -EINVAL\. Retrying without BTF\.\n.*map '\1': failed to create: -EINVAL/.test(
          String(twins?.message),
        )),
  },
  {
    // We look for the wrapper among the kernel's symbols.
    cause: 'libbpf finds system call wrappers by a kprobe, and none on a kernel without kprobes',
    matches: ({ object, about, fields, ours, twins }) =>
      about === 'load' &&
      /\/kconfig-e[bl]\.o$/.test(object) &&
      fields.join() === 'processed' &&
      ours?.error === 0 &&
      twins?.error === 0,
  },
  {
    // It does not get to the program then, which an old kernel may refuse.
    cause: 'libbpf cannot put a map into a map of maps that comes before it, as gcc orders them',
    matches: ({ about, twins }) =>
      about === 'load' &&
      /failed to initialize slot \[\d+\] to map '.*' fd=\d+: -EINVAL/.test(String(twins?.message)),
  },
  {
    // Both are refused. Its address in kallsyms, which it reads for other externs, is enough for it.
    cause: 'libbpf loads type 0 for a weak variable that the kernel has, but not in its BTF',
    matches: ({ about, fields, ours, twins }) =>
      about === 'load' &&
      fields.join() === 'processed' &&
      ours?.error !== 0 &&
      String(twins?.message).includes("pseudo btf_id 0 in ldimm64 isn't KIND_VAR"),
  },
  {
    // As veristat loads them. The verifier has accepted the program by then: it counted as many instructions.
    cause: 'libbpf cannot put programs that are not loaded into an array of programs',
    matches: ({ about, fields, ours, twins }) =>
      about === 'load' &&
      fields.join() === 'verdict,tag' &&
      ours?.error === 0 &&
      ours.processed !== -1 &&
      twins?.error === EBADF,
  },
]

/** The cause of a difference; `undefined` when it is not one of those that are meant. */
export function causeOf(difference: Difference): string | undefined {
  return known.find(each => each.matches(difference))?.cause
}
