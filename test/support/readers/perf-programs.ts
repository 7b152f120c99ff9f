/**
 * Perf event arrays and programs that write into them, run by `send` and `run` of `ring-programs.ts`.
 *
 * @module
 */

import { add, and, lsh, mov, mul } from '../../../src/asm/alu.ts'
import { call, loadImm64, loadMapFd, loadMapValue } from '../../../src/asm/calls.ts'
import { exit, jeq, jgt, jlt, label } from '../../../src/asm/jumps.ts'
import { load, store } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10 } from '../../../src/asm/registers.ts'
import { nrCpuIds } from '../../../src/kernel/cpus.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'
import { CHECKSUM, MAX_RECORD } from './ring-programs.ts'

/** `BPF_F_CURRENT_CPU`. */
const CURRENT_CPU = 0xffff_ffffn

/** A perf event array, by default with an entry for each CPU. */
export function createPerfArray(name = 'events', maxEntries: number = nrCpuIds()): BpfMap {
  return BpfMap.create({ name, type: 'perf_event_array', keySize: 4, valueSize: 4, maxEntries })
}

/** A program that sends a record of what it is given; returns what `bpf_perf_event_output` did. */
export function perfOutputProgram(map: BpfMap): Program {
  const zeros = Array.from({ length: MAX_RECORD / 8 }, (_, i) => store('u64', r10, -8 * (i + 1), 0))
  return Program.load({
    name: 'perf_output',
    type: 'socket_filter',
    license: 'GPL',
    instructions: [
      ...zeros,
      mov(r6, r1),
      // r7 = skb->len, from 1 to MAX_RECORD
      load('u32', r7, r1),
      mov(r0, 1),
      jlt(r7, 1, 'exit'),
      jgt(r7, MAX_RECORD, 'exit'),
      mov(r2, 0),
      mov(r3, r10),
      add(r3, -MAX_RECORD),
      mov(r4, r7),
      call('skb_load_bytes'),
      mov(r1, r6),
      loadMapFd(r2, map),
      loadImm64(r3, CURRENT_CPU),
      mov(r4, r10),
      add(r4, -MAX_RECORD),
      mov(r5, r7),
      call('perf_event_output'),
      label('exit', exit()),
    ],
  })
}

/** A program that sends the number of its CPU, to be run on any of them. */
export function perfCpuProgram(map: BpfMap): Program {
  return Program.load({
    name: 'perf_cpu',
    type: 'raw_tracepoint',
    license: 'GPL',
    instructions: [
      mov(r6, r1),
      call('get_smp_processor_id'),
      store('u32', r10, -4, r0),
      mov(r1, r6),
      loadMapFd(r2, map),
      loadImm64(r3, CURRENT_CPU),
      mov(r4, r10),
      add(r4, -4),
      mov(r5, 4),
      call('perf_event_output'),
      exit(),
    ],
  })
}

/**
 * A program that sends records of 2 to 9 words: a sequence number, its product with `CHECKSUM`, and the number again up
 * to the end. `counters` is an array of one element, two words: the next number, and how many had no room.
 */
export function perfCountingProgram(map: BpfMap, counters: BpfMap): Program {
  const words = Array.from({ length: 9 }, (_, i) => -72 + 8 * i)
  return Program.load({
    name: 'perf_counting',
    type: 'socket_filter',
    license: 'GPL',
    instructions: [
      mov(r9, r1),
      loadMapValue(r8, counters),
      load('u64', r6, r8, 0),
      mov(r1, r6),
      add(r1, 1),
      store('u64', r8, 0, r1),
      ...words.map(offset => store('u64', r10, offset, r6)),
      mov(r1, r6),
      mul(r1, CHECKSUM),
      store('u64', r10, words[1]!, r1),
      // r5 = 16 + (number & 7) * 8
      mov(r5, r6),
      and(r5, 7),
      lsh(r5, 3),
      add(r5, 16),
      mov(r1, r9),
      loadMapFd(r2, map),
      loadImm64(r3, CURRENT_CPU),
      mov(r4, r10),
      add(r4, words[0]!),
      call('perf_event_output'),
      jeq(r0, 0, 'exit'),
      load('u64', r1, r8, 8),
      add(r1, 1),
      store('u64', r8, 8, r1),
      mov(r0, 1),
      label('exit', exit()),
    ],
  })
}
