/**
 * A program for perf events that counts its runs by CPU and process.
 *
 * @module
 */

import { add, lsh, mov, or, rsh } from '../../../src/asm/alu.ts'
import { call, loadMapFd } from '../../../src/asm/calls.ts'
import { exit, jne, label } from '../../../src/asm/jumps.ts'
import { atomicAdd, store } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3, r4, r6, r10 } from '../../../src/asm/registers.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'

/** The runs of one process on one CPU. */
export interface PerfEventHits {
  readonly cpu: number
  readonly pid: number
  readonly count: number
}

/** A loaded program of type `perf_event`, and the map it counts in. */
export class PerfEventRecorder implements Disposable {
  readonly program: Program
  readonly #map: BpfMap

  /** @param sectionName of the program, to attach it by */
  constructor(sectionName?: string) {
    this.#map = BpfMap.create({ name: 'hits', type: 'hash', keySize: 8, valueSize: 8, maxEntries: 8192 })
    try {
      this.program = Program.load({
        name: 'on_event',
        type: 'perf_event',
        license: 'GPL',
        ...(sectionName === undefined ? {} : { sectionName }),
        instructions: [
          call('get_current_pid_tgid'),
          rsh(r0, 32),
          mov(r6, r0),
          call('get_smp_processor_id'),
          lsh(r0, 32),
          or(r0, r6),
          store('u64', r10, -8, r0),
          store('u64', r10, -16, 0),
          loadMapFd(r1, this.#map),
          mov(r2, r10),
          add(r2, -8),
          call('map_lookup_elem'),
          jne(r0, 0, 'count'),
          loadMapFd(r1, this.#map),
          mov(r2, r10),
          add(r2, -8),
          mov(r3, r10),
          add(r3, -16),
          mov(r4, 1),
          call('map_update_elem'),
          loadMapFd(r1, this.#map),
          mov(r2, r10),
          add(r2, -8),
          call('map_lookup_elem'),
          jne(r0, 0, 'count'),
          mov(r0, 0),
          exit(),
          label('count', mov(r1, 1)),
          atomicAdd('u64', r0, 0, r1),
          mov(r0, 0),
          exit(),
        ],
      })
    } catch (error) {
      this.#map.close()
      throw error
    }
  }

  get hits(): PerfEventHits[] {
    return [...this.#map].map(([key, value]) => {
      const [pid, cpu] = [key, key.subarray(4)].map(each =>
        new DataView(each.buffer, each.byteOffset).getUint32(0, true),
      )
      return {
        cpu: cpu!,
        pid: pid!,
        count: Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true)),
      }
    })
  }

  /** How often it ran, of some hits. */
  count(wanted: (hits: PerfEventHits) => boolean = () => true): number {
    return this.hits.filter(wanted).reduce((sum, { count }) => sum + count, 0)
  }

  clear(): void {
    for (const [key] of [...this.#map]) this.#map.delete(key)
  }

  [Symbol.dispose](): void {
    this.program.close()
    this.#map.close()
  }
}
