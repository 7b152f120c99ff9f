/**
 * Text of what refers to something outside the instruction: calls, and 64-bit immediate loads of maps, functions
 * and kernel symbols.
 *
 * Source: kernel/bpf/disasm.c (`__func_get_name`, `print_bpf_insn`), bpftool's xlated_dumper.c (`map[id:5]`,
 * `subprog[+3]`).
 *
 * @module
 */

import {
  BPF_PSEUDO_BTF_ID,
  BPF_PSEUDO_CALL,
  BPF_PSEUDO_FUNC,
  BPF_PSEUDO_KFUNC_CALL,
  BPF_PSEUDO_MAP_FD,
  BPF_PSEUDO_MAP_VALUE,
} from '../abi/constants.ts'
import { helpers } from '../abi/generated/enums.ts'
import { enumName } from '../abi/names.ts'
import type { Instruction, Reference } from './instruction.ts'

/** Text of a call; `undefined` when a field that it does not use is not 0. */
export function formatCall({ dst, src, offset, imm, reference }: Instruction): string | undefined {
  if (reference !== undefined) return `call ${formatReference(reference)}`
  if (dst !== 0) return undefined
  if (src === BPF_PSEUDO_KFUNC_CALL) {
    // A function of a module says by its offset where in `fd_array` the BTF of the module is.
    return `call kernel-function#${imm}${offset === 0 ? '' : ` (fd_array[${offset}])`}`
  }
  if (offset !== 0) return undefined
  if (src === BPF_PSEUDO_CALL) return `call pc${distance(Number(imm))}`
  if (src !== 0) return undefined
  const name = enumName(helpers, Number(imm))
  return typeof name === 'number' ? `call unknown#${imm}` : `call bpf_${name}#${imm}`
}

/** Text of a 64-bit immediate load; `undefined` when its source or offset has no meaning. */
export function formatWide(instruction: Instruction, maps: 'fd' | 'id'): string | undefined {
  const value = formatWideValue(instruction, maps)
  return value === undefined || instruction.offset !== 0 ? undefined : `r${instruction.dst} = ${value}`
}

function formatWideValue({ src, imm, reference }: Instruction, maps: 'fd' | 'id'): string | undefined {
  if (reference !== undefined) return formatReference(reference)
  const value = BigInt.asUintN(64, BigInt(imm))
  const low = Number(BigInt.asIntN(32, value))
  const high = Number(value >> 32n)
  switch (src) {
    case 0:
      return `0x${value.toString(16)} ll`
    case BPF_PSEUDO_MAP_FD:
      return high === 0 ? `map[${maps}:${low}]` : undefined
    case BPF_PSEUDO_MAP_VALUE:
      return `map[${maps}:${low}][0]+${high}`
    case BPF_PSEUDO_BTF_ID:
      return `kernel-variable#${low}${high === 0 ? '' : ` (btf fd ${high})`}`
    case BPF_PSEUDO_FUNC:
      return high === 0 ? `subprog[${distance(low)}]` : undefined
    default:
      return undefined
  }
}

function formatReference(reference: Reference): string {
  const { kind, name } = reference
  switch (kind) {
    case 'map':
      return `map[${name}]`
    case 'map_value':
      return `map[${name}][0]+${reference.offset}`
    case 'function':
      return `subprog[${name}]`
    case 'jump_table':
      return `jump-table[${name}]${reference.offset === 0 ? '' : distance(reference.offset)}`
    case 'extern':
      return `extern[${name}]${reference.addend === 0 ? '' : distance(reference.addend)}`
    case 'call':
    case 'label':
      return name
  }
}

/** `+3`, `-3`. */
function distance(value: number): string {
  return value < 0 ? String(value) : `+${value}`
}
