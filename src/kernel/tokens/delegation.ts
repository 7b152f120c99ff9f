/**
 * What a token delegates, and what it would have to for a call that was refused.
 *
 * Source: kernel/bpf/token.c `bpf_token_show_fdinfo`, `bpf_token_get_info_by_fd`, `bpf_token_allow_cmd`,
 * `bpf_token_allow_map_type`, `bpf_token_allow_prog_type`; kernel/bpf/inode.c `seq_print_delegate_opts`.
 *
 * @module
 */

import { attachTypes, commands, mapTypes, programTypes } from '../../abi/generated/enums.ts'
import { tokenInfo } from '../../abi/generated/layouts.ts'
import { type EnumTable, enumName } from '../../abi/names.ts'
import { BpfError } from '../../base/errors.ts'
import { InfoReader } from '../../syscalls/info-reader.ts'
import { readFdinfo } from '../fdinfo.ts'
import type { TokenCommand } from './handle.ts'

/** What a token delegates, as the kernel's masks: bit N stands for number N of the enumeration. */
export interface Delegations {
  readonly cmds: bigint
  readonly maps: bigint
  readonly progs: bigint
  readonly attachs: bigint
}

/** Everything, also what later kernels bring. */
export const ANY: bigint = (1n << 64n) - 1n

const tables: Readonly<Record<keyof Delegations, EnumTable>> = {
  cmds: commands,
  maps: mapTypes,
  progs: programTypes,
  attachs: attachTypes,
}

/**
 * Reads what a token delegates. Since Linux 6.9.
 *
 * @returns `undefined` when the descriptor is not a token; before Linux 6.17 also without procfs
 */
export function readDelegations(fd: number): Delegations | undefined {
  try {
    const { u64 } = new InfoReader(fd, tokenInfo.$size, 'BPF token')
    return {
      cmds: u64(tokenInfo.allowed_cmds),
      maps: u64(tokenInfo.allowed_maps),
      progs: u64(tokenInfo.allowed_progs),
      attachs: u64(tokenInfo.allowed_attachs),
    }
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
    return parseDelegations(readFdinfo(fd))
  }
}

/** Parses `/proc/self/fdinfo` of a token; `undefined` when it is not one's. */
export function parseDelegations(fdinfo: ReadonlyMap<string, string>): Delegations | undefined {
  const mask = (name: string): bigint | undefined => {
    const text = fdinfo.get(`allowed_${name}`)
    if (text === 'any') return ANY
    return text !== undefined && /^0x[\da-f]{1,16}$/.test(text) ? BigInt(text) : undefined
  }
  const [cmds, maps, progs, attachs] = ['cmds', 'maps', 'progs', 'attachs'].map(mask)
  if (cmds === undefined || maps === undefined || progs === undefined || attachs === undefined)
    return undefined
  return { cmds, maps, progs, attachs }
}

/** Numbers of the bits of a mask. */
export function bitsOf(mask: bigint): number[] {
  return Array.from({ length: 64 }, (_, bit) => bit).filter(bit => ((mask >> BigInt(bit)) & 1n) === 1n)
}

/** A call that was made with a token. */
export interface TokenUse {
  readonly command: TokenCommand
  /** Number of the type of the map that was to be created. */
  readonly mapType?: number
  /** Number of the type of the program that was to be loaded. */
  readonly programType?: number
  /** Number of its expected attach type; 0 for none. */
  readonly attachType?: number
}

/**
 * The first thing that a token does not delegate and a call needs: `'program type xdp (delegate_progs=kprobe)'`.
 *
 * @returns `undefined` when it delegates all
 */
export function missingDelegation(delegations: Delegations, use: TokenUse): string | undefined {
  const { command, mapType, programType } = use
  const missing = (kind: keyof Delegations, number: number, what: string, hint = ''): string | undefined => {
    if (number < 64 && ((delegations[kind] >> BigInt(number)) & 1n) === 1n) return undefined
    const option = delegations[kind] === 0n ? `no delegate_${kind}` : mountOption(kind, delegations[kind])
    return `${what} ${enumName(tables[kind], number)}${hint} (${option})`
  }
  return (
    missing('cmds', commands[command], 'the command') ??
    (mapType === undefined ? undefined : missing('maps', mapType, 'map type')) ??
    (programType === undefined ? undefined : missing('progs', programType, 'program type')) ??
    (programType === undefined ? undefined : missingAttachType(programType, use.attachType ?? 0, missing))
  )
}

function missingAttachType(
  programType: number,
  given: number,
  missing: (kind: 'attachs', number: number, what: string, hint: string) => string | undefined,
): string | undefined {
  // Source: kernel/bpf/syscall.c `bpf_prog_load_fixup_attach_type`.
  const assumed =
    programType === programTypes.cgroup_sock
      ? attachTypes.cgroup_inet_sock_create
      : programType === programTypes.sk_reuseport
        ? attachTypes.sk_reuseport_select
        : 0
  const number = given === 0 ? assumed : given
  const isMember = programType === programTypes.struct_ops
  const hint = isMember
    ? ', which has the number of the struct_ops member'
    : given === 0
      ? ', which the kernel takes for a program that names none'
      : ''
  return missing('attachs', number, 'attach type', hint)
}

/** A mask as the mount option that gives it, such as `'delegate_cmds=map_create:prog_load'`. */
function mountOption(kind: keyof Delegations, mask: bigint): string {
  const value = mask === ANY ? 'any' : bitsOf(mask).map(bit => enumName(tables[kind], bit))
  return `delegate_${kind}=${typeof value === 'string' ? value : value.join(':')}`
}
