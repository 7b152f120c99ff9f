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

const AGREEING =
  'programs that agree with the first that used it in type, JIT, XDP fragments and, since Linux 6.18, expected attach type'

/**
 * What an array that refuses a program takes, as far as the kernel shows it: `'programs of type xdp'`.
 *
 * @param type of the refused program
 */
export function describeOwner(fd: number, type: ProgramType | number): string {
  const owner = ownerType(fd)
  if (owner === undefined) return AGREEING
  return type === owner ? `${AGREEING}; the types agree` : `programs of type ${owner}, not ${type}`
}

/**
 * Why an array refuses a value with `EINVAL`; `undefined` when the kernel shows no reason.
 *
 * @param value the descriptor that was given
 */
export function explainRefusedValue(fd: number, value: number): string | undefined {
  const facts = readFdinfo(value)
  if (facts.size === 0) return undefined
  const number = facts.get('prog_type')
  if (number === undefined) return `descriptor ${value} is not a program`
  const type = enumName(programTypes, Number(number))
  if (type === 'ext') return 'it takes no programs of type ext'
  return ownerType(fd) === undefined ? undefined : `it takes ${describeOwner(fd, type)}`
}
