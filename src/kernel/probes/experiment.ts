/**
 * What feature probes are made of: throw-away maps, programs and BTF.
 *
 * @module
 */

import {
  type AttachType,
  attachTypes,
  type MapType,
  mapTypes,
  type ProgramType,
  programTypes,
} from '../../abi/generated/enums.ts'
import { enumNumber } from '../../abi/names.ts'
import { mov } from '../../asm/alu.ts'
import { assemble } from '../../asm/assemble.ts'
import { encodeInstructions } from '../../asm/encode.ts'
import { INSTRUCTION_SIZE, type Instruction } from '../../asm/instruction.ts'
import { exit } from '../../asm/jumps.ts'
import { r0 } from '../../asm/registers.ts'
import { E2BIG, EINVAL, ENOTSUPP, EOPNOTSUPP } from '../../base/errno.ts'
import { BtfBuilder } from '../../btf/builder.ts'
import type { AttrFields } from '../../syscalls/attr.ts'
import { bpf, bpfUninterrupted } from '../../syscalls/bpf.ts'
import { closeFd } from '../../syscalls/descriptor.ts'
import { syscallEntry } from '../../syscalls/entry.ts'
import { raiseMemlockLimit } from '../memlock.ts'
import { type TokenHandle, withToken } from '../tokens/handle.ts'
import { kernelVersion } from '../version.ts'
import type { ProbeAnswer } from './probe.ts'

/** A token, or none. */
export type Token = TokenHandle | undefined

/** Closes what a call created, if it did, and returns the call's result. */
export function discard(result: number): number {
  if (result >= 0) closeFd(syscallEntry(), result)
  return result
}

/**
 * What a result says of a feature: success is yes; `EINVAL`, `E2BIG`, `EOPNOTSUPP` and `ENOTSUPP` are no;
 * whatever else leaves it open.
 *
 * @param yes errnos that only a kernel with the feature returns
 */
export function answerOf(result: number, ...yes: number[]): ProbeAnswer {
  if (result >= 0 || yes.includes(-result)) return 'yes'
  return NO.includes(-result) ? 'no' : 'unknown'
}

const NO: readonly number[] = [EINVAL, E2BIG, EOPNOTSUPP, ENOTSUPP]

/** Creates a map, with 4 bytes for key and value and one element where nothing else is said; the caller closes it. */
export function makeMap(token: Token, type: MapType | number, fields: AttrFields<'map_create'> = {}): number {
  raiseMemlockLimit()
  const small = { key_size: 4, value_size: 4, max_entries: 1 }
  const map_type = enumNumber(mapTypes, type, 'map type')
  return bpf('map_create', withToken('map_create', { map_type, ...small, ...fields }, token))
}

/** Creates a map as {@link makeMap} does, and closes it again. */
export function tryMap(token: Token, type: MapType | number, fields: AttrFields<'map_create'> = {}): number {
  return discard(makeMap(token, type, fields))
}

/** `r0 = 0; exit` */
export function doNothing(): Instruction[] {
  return [mov(r0, 0), exit()]
}

/** Loads a program; the caller closes it. */
export function loadCode(
  token: Token,
  type: ProgramType,
  instructions: readonly Instruction[],
  attachType?: AttachType,
  fields: AttrFields<'prog_load'> = {},
): number {
  raiseMemlockLimit()
  const insns = encodeInstructions(assemble(instructions))
  const load: AttrFields<'prog_load'> = {
    prog_type: enumNumber(programTypes, type, 'program type'),
    expected_attach_type: attachType === undefined ? 0 : enumNumber(attachTypes, attachType, 'attach type'),
    insns,
    insn_cnt: insns.length / INSTRUCTION_SIZE,
    license: 'GPL',
    kern_version: kernelVersion().code,
    ...fields,
  }
  return bpfUninterrupted('prog_load', withToken('prog_load', load, token))
}

/** Adds the type that probes of BTF have first, `int a`, and returns its id, 1. */
export function addInt(btf: BtfBuilder): number {
  return btf.add({ kind: 'int', name: 'a', size: 4, encoding: 'signed', bitOffset: 0, bits: 32 })
}

/**
 * Loads BTF; the caller closes it.
 *
 * @param add adds its types
 */
export function loadTypes(token: Token, add: (btf: BtfBuilder) => void): number {
  raiseMemlockLimit()
  const builder = new BtfBuilder()
  add(builder)
  const btf = builder.build()
  return bpf('btf_load', withToken('btf_load', { btf, btf_size: btf.length }, token))
}
