/**
 * Program arrays: the first program that uses or enters one decides which others may.
 *
 * Source: kernel/bpf/core.c `__bpf_prog_map_compatible`; kernel/bpf/syscall.c `bpf_map_show_fdinfo`.
 *
 * @module
 */

import { type ProgramType, programTypes } from '../../abi/generated/enums.ts'
import { enumName } from '../../abi/names.ts'
import { readFdinfo } from '../../kernel/fdinfo.ts'

/** Type of the programs that an array takes; `undefined` while it takes any, and without procfs. */
export function ownerType(fd: number): ProgramType | number | undefined {
  const number = readFdinfo(fd).get('owner_prog_type')
  return number === undefined ? undefined : enumName(programTypes, Number(number))
}

/**
 * What an array that refuses a program takes, as far as the kernel shows it: `'programs of type xdp'`.
 *
 * @param type of the refused program; `undefined` when it is not known
 */
export function describeOwner(fd: number, type?: ProgramType | number): string {
  const owner = ownerType(fd)
  const like =
    'programs that agree with the first that used it in type, expected attach type (Linux 6.18), JIT and XDP fragments'
  if (owner === undefined) return like
  return type === owner ? `${like}; the types agree` : `programs of type ${owner}`
}
