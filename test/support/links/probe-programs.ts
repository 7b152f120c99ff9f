/**
 * A program for kprobes that counts its runs and records what it saw, and system calls that trigger it.
 *
 * @module
 */

import { closeSync } from 'node:fs'
import { F_DUPFD_CLOEXEC } from '../../../src/abi/linux.ts'
import { add, mov } from '../../../src/asm/alu.ts'
import { call, loadMapValue } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit, jne32, label } from '../../../src/asm/jumps.ts'
import { atomicAdd, load, store } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3, r6, r7, r10 } from '../../../src/asm/registers.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { nr } from '../../../src/syscalls/numbers.ts'

/**
 * Where `struct pt_regs` has the first four arguments of a function, and its return value. Source: bpf_tracing.h of
 * libbpf.
 */
const [PARAMETERS, RETURNED] =
  process.arch === 'arm64' ? [[0, 8, 16, 24], 0] : ([[112, 104, 96, 88], 80] as const)

/** What the program takes note of besides the number of its runs. */
export interface ProbeProgramOptions {
  /** Function argument, from 0; `'returned'`; a system call's argument behind a wrapper. Default: `'returned'`. */
  value?: number | 'returned' | { syscallArgument: number }
  /** Whether to ask for the cookie (5.15). Default: `false`. */
  cookie?: boolean
  /** Name of the section that it would be in if it were compiled. Default: none. */
  sectionName?: string
}

/** What the program saw on this thread, the value and the cookie at its last run. */
export interface ProbeSight {
  runs: number
  value: bigint
  cookie: bigint
}

/** A loaded program of type `kprobe`, and the map it writes into. */
export class ProbeProgram implements Disposable {
  readonly program: Program
  readonly #map: BpfMap

  constructor(options: ProbeProgramOptions = {}) {
    this.#map = BpfMap.create({ name: 'seen', type: 'array', keySize: 4, valueSize: 24, maxEntries: 1 })
    try {
      const instructions = probeInstructions(this.#map, options)
      this.program = Program.load({
        name: 'probe',
        type: 'kprobe',
        license: 'GPL',
        instructions,
        ...(options.sectionName === undefined ? {} : { sectionName: options.sectionName }),
      })
    } catch (error) {
      this.#map.close()
      throw error
    }
  }

  /** Everything since the program was loaded. */
  get seen(): ProbeSight {
    const value = this.#map.get(new Uint8Array(4)) as Uint8Array
    const [runs, seen, cookie] = new BigUint64Array(value.slice().buffer)
    return { runs: Number(runs), value: seen!, cookie: cookie! }
  }

  [Symbol.dispose](): void {
    this.program.close()
    this.#map.close()
  }
}

function probeInstructions(
  map: BpfMap,
  { value = 'returned', cookie = false }: ProbeProgramOptions,
): Instruction[] {
  return [
    mov(r6, r1),
    call('get_current_pid_tgid'),
    // The lower half is the thread's id, which is the process's for the first thread.
    jne32(r0, process.pid, 'out'),
    loadMapValue(r7, map),
    mov(r1, 1),
    atomicAdd('u64', r7, 0, r1),
    ...valueInstructions(value),
    store('u64', r7, 8, r2),
    ...(cookie ? [mov(r1, r6), call('get_attach_cookie'), store('u64', r7, 16, r0)] : []),
    label('out', mov(r0, 0)),
    exit(),
  ]
}

/** Leaves the value in r2. */
function valueInstructions(value: NonNullable<ProbeProgramOptions['value']>): Instruction[] {
  if (value === 'returned') return [load('u64', r2, r6, RETURNED)]
  if (typeof value === 'number') return [load('u64', r2, r6, PARAMETERS[value]!)]
  return [
    load('u64', r3, r6, PARAMETERS[0]!),
    add(r3, PARAMETERS[value.syscallArgument]!),
    mov(r2, 8),
    mov(r1, r10),
    add(r1, -8),
    call('probe_read_kernel'),
    load('u64', r2, r10, -8),
  ]
}

/**
 * The function that {@link callTraced} calls once, and nothing else here does:
 * `int f_dupfd(unsigned int from, struct file *file, unsigned flags)`.
 */
export const TRACED = 'f_dupfd'

/**
 * Makes a duplicate of a descriptor by `fcntl(2)` and closes it.
 *
 * @param from least number of the duplicate: first argument of {@link TRACED}
 * @returns the number it got: what {@link TRACED} returned
 */
export function callTraced(from: number): number {
  const fd = syscallEntry().syscall(nr.fcntl, 0, F_DUPFD_CLOEXEC, from)
  closeSync(fd)
  return fd
}
