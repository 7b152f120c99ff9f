/**
 * The driver: a program that calls the target a fixed number of times, run by the kernel again and again, and timed by
 * the kernel. No JavaScript runs between two calls.
 *
 * Source: the kernel's tools/testing/selftests/bpf/progs/trigger_bench.c, where the driver is run by user space in a
 * loop; net/bpf/test_run.c `bpf_test_run`, which repeats and times it.
 *
 * @module
 */

import { mov, sub } from '../asm/alu.ts'
import { call, callKfunc, loadMapValue } from '../asm/calls.ts'
import type { Instruction } from '../asm/instruction.ts'
import { exit, jne, label } from '../asm/jumps.ts'
import { atomicAdd } from '../asm/memory.ts'
import { r0, r1, r2, r6 } from '../asm/registers.ts'
import type { BpfMap } from '../maps/map.ts'
import { Program } from '../programs/program.ts'
import { mapNames, RUNS_OFFSET } from './bodies.ts'

/** Calls of the target in one run of the driver. */
export const CALLS_PER_RUN = 100

/** The helper that most variants are attached to: cheap, traceable, and not inlined by the JIT. */
export const TARGET_HELPER = 'bpf_get_numa_node_id'
/** The kfunc for the variants that need a tracepoint or a function that may be modified (6.10). */
export const TARGET_KFUNC = 'bpf_modify_return_test_tp'
/** Group of the tracepoint that the kfunc passes. */
export const TRACEPOINT_GROUP = 'bpf_test_run'
/** Name of that tracepoint. */
export const TRACEPOINT = 'bpf_trigger_tp'

/** What a driver calls: nothing (an empty loop), the helper, or the kfunc. */
export type DriverName = 'loop' | 'helper' | 'kfunc'

/**
 * The instructions of a driver. The loop is bounded for the verifier of 5.3 and later.
 *
 * @param kfuncId BTF id of the kfunc in the kernel's BTF; only `'kfunc'` needs it
 * @throws RangeError when it is missing there
 */
export function driverInstructions(name: DriverName, kfuncId = 0): Instruction[] {
  const triggers: Record<DriverName, () => [Instruction, ...Instruction[]]> = {
    loop: () => [mov(r0, 0)],
    helper: () => [call('get_numa_node_id')],
    kfunc: () => [mov(r1, 0), callKfunc(kfuncId)],
  }
  const [first, ...rest] = triggers[name]()
  return [
    mov(r6, CALLS_PER_RUN),
    label('again', first),
    ...rest,
    sub(r6, 1),
    jne(r6, 0, 'again'),
    mov(r1, 1),
    loadMapValue(r2, mapNames.counters, RUNS_OFFSET),
    atomicAdd('u64', r2, 0, r1),
    mov(r0, 0),
    exit(),
  ]
}

/** The least packet that a `sched_cls` program can be run on, with room to spare. */
const PACKET = new Uint8Array(64)

/** A loaded driver. */
export class Driver implements Disposable {
  readonly #program: Program

  /**
   * Loads the driver.
   *
   * @param counters map that its runs are counted in
   * @throws BpfError when the kernel refuses
   */
  constructor(name: DriverName, counters: BpfMap, kfuncId?: number) {
    this.#program = Program.load(
      {
        name: `drive_${name}`,
        type: 'sched_cls',
        license: 'GPL',
        instructions: driverInstructions(name, kfuncId),
      },
      { maps: map => (map === mapNames.counters ? counters : undefined) },
    )
  }

  /**
   * Runs it in one system call.
   *
   * A signal makes the kernel give up a run, and it is repeated: then there were more runs than asked for, and the
   * counter of runs, not `repeat`, says how many hits to expect.
   *
   * @param repeat how often; more than once has a fixed cost of its own, so few calls with a large number are better
   * @returns mean nanoseconds per call of the target
   * @throws BpfError when the kernel refuses
   */
  run(repeat: number): number {
    return this.#program.testRun({ data: PACKET, repeat }).duration / CALLS_PER_RUN
  }

  [Symbol.dispose](): void {
    this.#program.close()
  }
}
