/**
 * Programs that count their runs and write down what they see, for tests of the hooks they run at.
 *
 * @module
 */

import { add, and, lsh, mov } from '../../../src/asm/alu.ts'
import { call, loadMapValue } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit, label } from '../../../src/asm/jumps.ts'
import { atomicAdd, load, store } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3, r6, r7, r10 } from '../../../src/asm/registers.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'
import type { ProgramSpec } from '../../../src/programs/spec.ts'
import { eventually } from '../poll.ts'

/** Counters of a recorder; a counter's number is taken modulo this. */
const COUNTERS = 16
/** Numbers that a recorder writes down. */
const VALUES = 16

/** What a recording program does. Pieces of code find the context in r6 and leave their result in r0. */
export interface Recording {
  /** Which counter a run counts in. Default: the first. */
  counter?: readonly Instruction[]
  /** What to write down, of the last run. */
  values?: readonly (readonly Instruction[])[]
  /** What the program returns. Default: 0. */
  returns?: readonly Instruction[]
}

/** The helper `bpf_get_attach_cookie`. */
export const attachCookie: readonly Instruction[] = [mov(r1, r6), call('get_attach_cookie')]
/** The helper `bpf_get_func_ip`. */
export const functionAddress: readonly Instruction[] = [mov(r1, r6), call('get_func_ip')]
/** A 64-bit word of the context: an argument of a typed program, or behind the last one the return value. */
export const argument = (index: number): readonly Instruction[] => [load('u64', r0, r6, 8 * index)]
/** The helper `bpf_get_func_arg` (5.17). */
export const functionArgument = (index: number): readonly Instruction[] => [
  store('u64', r10, -8, 0),
  mov(r1, r6),
  mov(r2, index),
  ...[mov(r3, r10), add(r3, -8)],
  call('get_func_arg'),
  load('u64', r0, r10, -8),
]

/** A map that recording programs write to. */
export class Recorder implements Disposable {
  readonly #map = BpfMap.create({
    name: 'recorder',
    type: 'array',
    keySize: 4,
    valueSize: 8 * (COUNTERS + VALUES),
    maxEntries: 1,
  })

  /** A program as instructions, with labels where it needs them. */
  code({ counter = [mov(r0, 0)], values = [], returns = [mov(r0, 0)] }: Recording = {}): Instruction[] {
    return [
      mov(r6, r1),
      loadMapValue(r7, this.#map),
      ...values.flatMap((value, i) => [...value, store('u64', r7, 8 * (COUNTERS + i), r0)]),
      ...counter,
      and(r0, COUNTERS - 1),
      lsh(r0, 3),
      add(r7, r0),
      mov(r1, 1),
      atomicAdd('u64', r7, 0, r1),
      ...returns,
      exit(),
    ]
  }

  /** Loads a program that records. */
  load(spec: Omit<ProgramSpec, 'instructions' | 'license'>, recording?: Recording): Program {
    return Program.load({ name: 'recorder', ...spec, license: 'GPL', instructions: this.code(recording) })
  }

  #word(index: number): bigint {
    const value = this.#map.get(new Uint8Array(4)) as Uint8Array
    return new DataView(value.buffer, value.byteOffset).getBigUint64(8 * index, true)
  }

  /** Runs that were counted in the first counter. */
  get hits(): number {
    return this.counts[0]!
  }

  /** Runs that were counted in each counter. */
  get counts(): number[] {
    return Array.from({ length: COUNTERS }, (_, i) => Number(this.#word(i)))
  }

  /** What was written down. */
  value(index: number): bigint {
    return this.#word(COUNTERS + index)
  }

  /** Sets everything to 0. */
  reset(): void {
    this.#map.set(new Uint8Array(4), new Uint8Array(8 * (COUNTERS + VALUES)))
  }

  [Symbol.dispose](): void {
    this.#map.close()
  }
}

/** Functions that the kernel calls once at each `callTestFunctions`, and nowhere else. Source: net/bpf/test_run.c. */
export const TEST_FUNCTIONS: readonly string[] = Array.from(
  { length: 8 },
  (_, i) => `bpf_fentry_test${i + 1}`,
)

/**
 * Makes the kernel call its test functions: `bpf_fentry_test1(1)` returns 2, `bpf_fentry_test2(2, 3)` 5,
 * `bpf_fentry_test3(4, 5, 6)` 15 and so on: their sums.
 */
export function callTestFunctions(): void {
  using program = Program.load({
    type: 'tracing',
    expectedAttachType: 'trace_fentry',
    attachTarget: 'bpf_fentry_test1',
    license: 'GPL',
    instructions: [label('main', mov(r0, 0)), exit()],
  })
  program.testRun()
}

/** Whether calls of the test functions are no longer recorded. The kernel lets go of a removed pin in its own time. */
export function comesToRest(recorder: Recorder): Promise<boolean> {
  return eventually(() => {
    recorder.reset()
    callTestFunctions()
    return recorder.hits === 0
  })
}
