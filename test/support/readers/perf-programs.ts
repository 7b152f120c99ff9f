/**
 * Perf event arrays and programs that write into them, run by `send` and `run` of `ring-programs.ts`.
 *
 * @module
 */

import { add, mov } from '../../../src/asm/alu.ts'
import { call, loadImm64, loadMapFd } from '../../../src/asm/calls.ts'
import { exit, jeq, label } from '../../../src/asm/jumps.ts'
import { store } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3, r4, r5, r6, r7, r9, r10 } from '../../../src/asm/registers.ts'
import { nrCpuIds } from '../../../src/kernel/cpus.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'
import { countLost, MAX_RECORD, NUMBERED, numberedRecord, packetRecord } from './record-code.ts'

/** `BPF_F_CURRENT_CPU`. */
const CURRENT_CPU = 0xffff_ffffn

/** A perf event array, by default with an entry for each CPU. */
export function createPerfArray(name = 'events', maxEntries: number = nrCpuIds()): BpfMap {
  return BpfMap.create({ name, type: 'perf_event_array', keySize: 4, valueSize: 4, maxEntries })
}

/** A program that sends a record of what it is given; returns what `bpf_perf_event_output` did. */
export function perfOutputProgram(map: BpfMap): Program {
  return Program.load({
    name: 'perf_output',
    type: 'socket_filter',
    license: 'GPL',
    instructions: [
      ...packetRecord(),
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
 * A program that sends numbered records. `counters` is an array of one element, two words: the next number, and how many
 * had no room.
 */
export function perfCountingProgram(map: BpfMap, counters: BpfMap): Program {
  return Program.load({
    name: 'perf_counting',
    type: 'socket_filter',
    license: 'GPL',
    instructions: [
      mov(r9, r1),
      ...numberedRecord(counters, r5),
      mov(r1, r9),
      loadMapFd(r2, map),
      loadImm64(r3, CURRENT_CPU),
      mov(r4, r10),
      add(r4, -NUMBERED),
      call('perf_event_output'),
      jeq(r0, 0, 'exit'),
      ...countLost(),
      label('exit', exit()),
    ],
  })
}
