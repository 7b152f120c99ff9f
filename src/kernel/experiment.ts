/**
 * What feature probes are made of: throw-away maps, programs and BTF, as raw bytes.
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
} from '../abi/generated/enums.ts'
import { enumNumber } from '../abi/names.ts'
import { errnoName } from '../base/errno.ts'
import type { AttrFields } from '../syscalls/attr.ts'
import { bpf, bpfUninterrupted } from '../syscalls/bpf.ts'
import { syscallEntry } from '../syscalls/entry.ts'
import { nr } from '../syscalls/numbers.ts'
import { raiseMemlockLimit } from './memlock.ts'
import type { ProbeAnswer } from './probe.ts'
import { kernelVersion } from './version.ts'

/**
 * Closes what a call created, if it did, and returns the call's result. Not with `node:fs`, which warns in worker threads
 * of descriptors that it did not open.
 */
export function discard(result: number): number {
  if (result >= 0) syscallEntry().syscall(nr.close, result)
  return result
}

/**
 * What a result says of a feature: success is yes; `EINVAL`, `E2BIG`, `EOPNOTSUPP` and `ENOTSUPP` are no;
 * whatever else leaves it open.
 *
 * @param yes errnos that only a kernel with the feature returns
 */
export function answerOf(result: number, ...yes: string[]): ProbeAnswer {
  if (result >= 0) return 'yes'
  const code = errnoName(-result)
  if (yes.includes(code)) return 'yes'
  return ['EINVAL', 'E2BIG', 'EOPNOTSUPP', 'ENOTSUPP'].includes(code) ? 'no' : 'unknown'
}

/** Creates a map and closes it again. */
export function tryMap(type: MapType | number, fields: AttrFields<'map_create'> = {}): number {
  raiseMemlockLimit()
  return discard(
    bpf('map_create', {
      map_type: enumNumber(mapTypes, type, 'map type'),
      key_size: 4,
      value_size: 4,
      max_entries: 1,
      ...fields,
    }),
  )
}

/** Encodes instructions: opcode, registers (source << 4 | destination), offset, immediate. */
export function code(
  ...instructions: readonly (readonly [opcode: number, registers: number, offset: number, imm: number])[]
): Uint8Array {
  const bytes = new Uint8Array(instructions.length * 8)
  const view = new DataView(bytes.buffer)
  instructions.forEach(([opcode, registers, offset, imm], i) => {
    view.setUint8(i * 8, opcode)
    view.setUint8(i * 8 + 1, registers)
    view.setInt16(i * 8 + 2, offset, true)
    view.setInt32(i * 8 + 4, imm, true)
  })
  return bytes
}

/** `r0 = 0; exit` */
export const NOTHING: Uint8Array = code([0xb7, 0, 0, 0], [0x95, 0, 0, 0])

/** Loads a program; the caller closes it. */
export function loadCode(
  type: ProgramType,
  insns: Uint8Array,
  attachType?: AttachType,
  fields: AttrFields<'prog_load'> = {},
): number {
  raiseMemlockLimit()
  return bpfUninterrupted('prog_load', {
    prog_type: enumNumber(programTypes, type, 'program type'),
    expected_attach_type: attachType === undefined ? 0 : enumNumber(attachTypes, attachType, 'attach type'),
    insns,
    insn_cnt: insns.length / 8,
    license: 'GPL',
    kern_version: kernelVersion().code,
    ...fields,
  })
}

/** Makes raw BTF of types given as words, and strings. */
export function rawBtf(types: readonly number[], strings: string): Uint8Array {
  const text = new TextEncoder().encode(`\0${strings}`)
  const bytes = new Uint8Array(24 + types.length * 4 + text.length)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, 0xeb9f, true)
  view.setUint8(2, 1)
  ;[24, 0, types.length * 4, types.length * 4, text.length].forEach((word, i) => {
    view.setUint32(4 + i * 4, word, true)
  })
  types.forEach((word, i) => {
    view.setUint32(24 + i * 4, word, true)
  })
  bytes.set(text, 24 + types.length * 4)
  return bytes
}

/** Loads BTF and closes it again. */
export function tryBtf(types: readonly number[], strings = ''): number {
  raiseMemlockLimit()
  const raw = rawBtf(types, strings)
  return discard(bpf('btf_load', { btf: raw, btf_size: raw.length }))
}
