/**
 * User ring buffers, and the records of `user-ring.bpf.c`.
 *
 * @module
 */

import { mapTypeSince } from '../../../src/abi/since.ts'
import { type StructInput, struct, u32, u64 } from '../../../src/base/codecs.ts'
import { answerOf, tryMap } from '../../../src/kernel/probes/experiment.ts'
import { defineFeature, type Feature } from '../../../src/kernel/probes/probe.ts'
import { pageSize } from '../../../src/syscalls/mmap.ts'
import { CHECKSUM } from './record-code.ts'

export const userRings: Feature = defineFeature('User ring buffers', mapTypeSince.user_ringbuf, token =>
  answerOf(tryMap(token, 'user_ringbuf', { key_size: 0, value_size: 0, max_entries: pageSize() })),
)

/** `struct command`. */
export const command = struct({ producer: u32, sequence: u32, check: u64 })

/** What it is made of. */
export type Command = StructInput<{ producer: typeof u32; sequence: typeof u32; check: typeof u64 }>

/** A command that the program finds whole. */
export function commandOf(producer: number, sequence: number): Command {
  const check = ((BigInt(producer) << 32n) | BigInt(sequence)) * BigInt(CHECKSUM)
  return { producer, sequence, check: BigInt.asUintN(64, check) }
}
