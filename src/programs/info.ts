/**
 * What the kernel says of a loaded program.
 *
 * Source: include/uapi/linux/bpf.h `struct bpf_prog_info`.
 *
 * @module
 */

import { type ProgramType, programTypes } from '../abi/generated/enums.ts'
import { progInfo } from '../abi/generated/layouts.ts'
import { enumName } from '../abi/names.ts'
import { decodeInstructions } from '../asm/decode.ts'
import type { Instruction } from '../asm/instruction.ts'
import { cString, hostByteOrder } from '../base/bytes.ts'
import { failure } from '../kernel/failure.ts'
import { getInfo } from '../syscalls/info.ts'
import { allocate, type NativeMemory } from '../syscalls/memory.ts'

/** Facts about a loaded program. What the kernel is too old to know is `undefined`. */
export interface ProgramInfo {
  /** Id, unique until the next boot (4.13). */
  id: number
  type: ProgramType | number
  /** The kernel's hash of the instructions, 16 hexadecimal digits (4.13). */
  tag: string
  /** Name, at most 15 bytes (4.15). */
  name: string
  /** Bytes of machine code; 0 when the JIT is off or hidden from this user. */
  jitedSize: number
  /** Bytes of instructions after the verifier's rewriting; 0 when hidden from this user. */
  translatedSize: number
  /** Load time in nanoseconds since boot (4.15). */
  loadTime: bigint
  /** User id of the loader (4.15). */
  createdByUid: number
  /** Ids of the maps it uses (4.15). */
  mapIds: number[]
  /** Id of its BTF; 0 when it has none (5.0). */
  btfId: number
  /** Whether its license counts as GPL compatible (4.18). */
  gplCompatible: boolean
  /** Nanoseconds spent in it while statistics were enabled (5.1). */
  runTime: bigint
  /** Runs while statistics were enabled (5.1). */
  runCount: bigint
  /** Runs that were left out to prevent recursion (5.12). */
  recursionMisses: bigint
  /** Instructions that the verifier processed (5.16). */
  verifiedInstructions: number
  /** Id of the BTF object of the attach target; 0 when there is none (5.17). */
  attachBtfObjectId: number
  /** BTF id of the attach target; 0 when there is none (5.17). */
  attachBtfId: number
}

/**
 * Reads the facts of the program with this descriptor.
 *
 * @throws BpfError when the kernel refuses
 */
export function readProgramInfo(fd: number): ProgramInfo {
  const first = allocate(progInfo.$size)
  read(fd, first)
  const mapCount = first.view.getUint32(progInfo.nr_map_ids, true)

  const info = allocate(progInfo.$size)
  const ids = allocate(Math.max(mapCount, 1) * 4)
  info.view.setUint32(progInfo.nr_map_ids, mapCount, true)
  info.view.setBigUint64(progInfo.map_ids, BigInt(ids.address), true)
  read(fd, info)

  const u32 = (offset: number): number => info.view.getUint32(offset, true)
  const u64 = (offset: number): bigint => info.view.getBigUint64(offset, true)
  return {
    id: u32(progInfo.id),
    type: enumName(programTypes, u32(progInfo.type)),
    tag: Buffer.from(info.bytes.subarray(progInfo.tag, progInfo.tag + 8)).toString('hex'),
    name: cString(info.bytes.subarray(progInfo.name, progInfo.name + 16)),
    jitedSize: u32(progInfo.jited_prog_len),
    translatedSize: u32(progInfo.xlated_prog_len),
    loadTime: u64(progInfo.load_time),
    createdByUid: u32(progInfo.created_by_uid),
    mapIds: Array.from({ length: Math.min(mapCount, u32(progInfo.nr_map_ids)) }, (_, i) =>
      ids.view.getUint32(i * 4, true),
    ),
    btfId: u32(progInfo.btf_id),
    gplCompatible: (info.bytes[progInfo.$bits.gpl_compatible >> 3]! & 1) === 1,
    runTime: u64(progInfo.run_time_ns),
    runCount: u64(progInfo.run_cnt),
    recursionMisses: u64(progInfo.recursion_misses),
    verifiedInstructions: u32(progInfo.verified_insns),
    attachBtfObjectId: u32(progInfo.attach_btf_obj_id),
    attachBtfId: u32(progInfo.attach_btf_id),
  }
}

/**
 * Reads back the instructions as the verifier left them (4.13); empty when hidden from this user
 * (`kernel.kptr_restrict`, `net.core.bpf_jit_harden`).
 */
export function readTranslated(fd: number): Instruction[] {
  const first = allocate(progInfo.$size)
  read(fd, first)
  const size = first.view.getUint32(progInfo.xlated_prog_len, true)
  if (size === 0) return []
  const info = allocate(progInfo.$size)
  const code = allocate(size)
  info.view.setUint32(progInfo.xlated_prog_len, size, true)
  info.view.setBigUint64(progInfo.xlated_prog_insns, BigInt(code.address), true)
  read(fd, info)
  if (info.view.getBigUint64(progInfo.xlated_prog_insns, true) === 0n) return []
  return decodeInstructions(code.bytes, hostByteOrder)
}

function read(fd: number, info: NativeMemory): void {
  const result = getInfo(fd, info)
  if (result < 0) throw failure('Cannot read program info', result, 'bpf(BPF_OBJ_GET_INFO_BY_FD)')
}
