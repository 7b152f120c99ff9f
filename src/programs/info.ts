/**
 * Facts about a loaded program, from the kernel.
 *
 * Source: include/uapi/linux/bpf.h `struct bpf_prog_info`.
 *
 * @module
 */

import { BPF_OBJ_NAME_MAX } from '../abi/constants.ts'
import { type ProgramType, programTypes } from '../abi/generated/enums.ts'
import { progInfo } from '../abi/generated/layouts.ts'
import { enumName } from '../abi/names.ts'
import { decodeInstructions } from '../asm/decode.ts'
import type { Instruction } from '../asm/instruction.ts'
import { cString, hostByteOrder } from '../base/bytes.ts'
import { InfoReader } from '../syscalls/info-reader.ts'

/** `BPF_TAG_SIZE`. */
const TAG_SIZE = 8

/** Facts about a loaded program. What the kernel is too old to know is 0 or empty. */
export interface ProgramInfo {
  /** Id, unique until the next boot. Since Linux 4.13. */
  id: number
  type: ProgramType | number
  /** The kernel's hash of the instructions, 16 hexadecimal digits. Since Linux 4.13. */
  tag: string
  /** Name, at most 15 bytes. Since Linux 4.15. */
  name: string
  /** Bytes of machine code; 0 when the JIT is off or hidden from this user. */
  jitedSize: number
  /** Bytes of instructions after the verifier's rewriting; 0 when hidden from this user. */
  translatedSize: number
  /** Load time in nanoseconds since boot. Since Linux 4.15. */
  loadTime: bigint
  /** User id of the loader. Since Linux 4.15. */
  createdByUid: number
  /** Ids of the maps it uses. Since Linux 4.15. */
  mapIds: number[]
  /** Id of its BTF; 0 without BTF. Since Linux 5.0. */
  btfId: number
  /** Whether its license counts as GPL compatible. Since Linux 4.18. */
  gplCompatible: boolean
  /** Nanoseconds spent in it while statistics were enabled. Since Linux 5.1. */
  runTime: bigint
  /** Runs while statistics were enabled. Since Linux 5.1. */
  runCount: bigint
  /** Runs that were left out to prevent recursion. Since Linux 5.12. */
  recursionMisses: bigint
  /** Instructions that the verifier processed. Since Linux 5.16. */
  verifiedInstructions: number
  /** Id of the BTF object of the attach target; 0 without one. Since Linux 5.17. */
  attachBtfObjectId: number
  /** BTF id of the attach target; 0 without one. Since Linux 5.17. */
  attachBtfId: number
}

/**
 * Reads the facts of the program with this descriptor. Since Linux 4.13.
 *
 * @throws BpfError when the kernel refuses
 */
export function readProgramInfo(fd: number): ProgramInfo {
  const reader = programInfoReader(fd)
  const { u32, u64 } = reader
  return {
    id: u32(progInfo.id),
    type: enumName(programTypes, u32(progInfo.type)),
    tag: Buffer.from(reader.bytes(progInfo.tag, TAG_SIZE)).toString('hex'),
    name: cString(reader.bytes(progInfo.name, BPF_OBJ_NAME_MAX)),
    jitedSize: u32(progInfo.jited_prog_len),
    translatedSize: u32(progInfo.xlated_prog_len),
    loadTime: u64(progInfo.load_time),
    createdByUid: u32(progInfo.created_by_uid),
    mapIds: readMapIds(reader),
    btfId: u32(progInfo.btf_id),
    gplCompatible: (reader.bytes(progInfo.$bits.gpl_compatible >> 3, 1)[0]! & 1) === 1,
    runTime: u64(progInfo.run_time_ns),
    runCount: u64(progInfo.run_cnt),
    recursionMisses: u64(progInfo.recursion_misses),
    verifiedInstructions: u32(progInfo.verified_insns),
    attachBtfObjectId: u32(progInfo.attach_btf_obj_id),
    attachBtfId: u32(progInfo.attach_btf_id),
  }
}

function readMapIds(reader: InfoReader): number[] {
  const count = reader.u32(progInfo.nr_map_ids)
  if (count === 0) return []
  const { buffers, info } = reader.buffers(count, 4, progInfo.nr_map_ids, [progInfo.map_ids])
  // A map may be bound to the program between the two readings.
  const length = Math.min(count, info.getUint32(progInfo.nr_map_ids, true))
  return Array.from({ length }, (_, i) => buffers[0]!.view.getUint32(i * 4, true))
}

/**
 * Reads back the instructions as the verifier left them; empty when hidden from this user (`kernel.kptr_restrict`,
 * `net.core.bpf_jit_harden`). Since Linux 4.13.
 */
export function readTranslated(fd: number): Instruction[] {
  const reader = programInfoReader(fd)
  const size = reader.u32(progInfo.xlated_prog_len)
  if (size === 0) return []
  const { xlated_prog_len, xlated_prog_insns } = progInfo
  const { buffers, info } = reader.buffers(size, 1, xlated_prog_len, [xlated_prog_insns])
  if (info.getBigUint64(xlated_prog_insns, true) === 0n) return []
  return decodeInstructions(buffers[0]!.bytes, hostByteOrder)
}

function programInfoReader(fd: number): InfoReader {
  return new InfoReader(fd, progInfo.$size, 'program')
}
