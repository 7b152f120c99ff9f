/**
 * A program for uprobes that counts its runs, by the cookie of the place.
 *
 * @module
 */

import type { AttachType } from '../../../src/abi/generated/enums.ts'
import { add, mov } from '../../../src/asm/alu.ts'
import { call, loadMapFd } from '../../../src/asm/calls.ts'
import { exit, jeq, label } from '../../../src/asm/jumps.ts'
import { atomicAdd, store } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r10 } from '../../../src/asm/registers.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'

/** How the program counts. */
export interface UprobeCounterOptions {
  /** Cookies to count by; others are not counted. Without them everything is counted, and the kernel needs none. */
  cookies?: readonly bigint[]
  attachType?: AttachType
  sectionName?: string
  /** What the program returns. Default: 0. */
  result?: number
}

/** A loaded program of type `kprobe`, and the map it counts in. */
export class UprobeCounter implements Disposable {
  readonly program: Program
  readonly #map: BpfMap

  constructor({ cookies, attachType, sectionName, result = 0 }: UprobeCounterOptions = {}) {
    const keys = cookies ?? [0n]
    this.#map = BpfMap.create({
      name: 'hits',
      type: 'hash',
      keySize: 8,
      valueSize: 8,
      maxEntries: keys.length,
    })
    try {
      for (const key of keys) this.#map.set(bytesOf(key), bytesOf(0n))
      this.program = Program.load({
        name: 'count',
        type: 'kprobe',
        license: 'GPL',
        ...(attachType === undefined ? {} : { expectedAttachType: attachType }),
        ...(sectionName === undefined ? {} : { sectionName }),
        instructions: [
          cookies === undefined ? mov(r0, 0) : call('get_attach_cookie'),
          store('u64', r10, -8, r0),
          loadMapFd(r1, this.#map),
          mov(r2, r10),
          add(r2, -8),
          call('map_lookup_elem'),
          jeq(r0, 0, 'out'),
          mov(r1, 1),
          atomicAdd('u64', r0, 0, r1),
          label('out', mov(r0, result)),
          exit(),
        ],
      })
    } catch (error) {
      this.#map.close()
      throw error
    }
  }

  /** Runs with a cookie; without one, all runs. */
  hits(cookie = 0n): number {
    const value = this.#map.get(bytesOf(cookie)) as Uint8Array
    return Number(new DataView(value.buffer, value.byteOffset).getBigUint64(0, true))
  }

  /** Runs while something is done, as `hits` counts them. */
  during(action: () => unknown, cookie = 0n): number {
    const before = this.hits(cookie)
    action()
    return this.hits(cookie) - before
  }

  [Symbol.dispose](): void {
    this.program.close()
    this.#map.close()
  }
}

function bytesOf(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer)
}
