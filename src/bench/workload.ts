/**
 * A body with its maps: what every variant loads, and the counters that tell whether a measurement counts.
 *
 * @module
 */

import { BpfMap } from '../maps/map.ts'
import type { MapSpec } from '../maps/spec.ts'
import { enableStats, Program } from '../programs/program.ts'
import type { ProgramSpec } from '../programs/spec.ts'
import { RingBuffer } from '../readers/ring-buffer.ts'
import {
  type Body,
  type BodyName,
  bodies,
  COUNTERS_SIZE,
  HITS_OFFSET,
  mapNames,
  RECORD_SIZE,
  RUNS_OFFSET,
} from './bodies.ts'
import type { Hits } from './rounds.ts'

/** `BPF_RINGBUF_HDR_SZ`: what a record needs beyond its data. */
const RECORD_HEADER = 8
const RING_SIZE = 1 << 24

/** Maps of a body beside the counters. */
function specs(body: BodyName, ringSize: number): readonly MapSpec[] {
  switch (body) {
    case 'hash':
      return [{ name: mapNames.hash, type: 'hash', keySize: 8, valueSize: 8, maxEntries: 1024 }]
    case 'ringbuf':
      return [{ name: mapNames.ring, type: 'ringbuf', keySize: 0, valueSize: 0, maxEntries: ringSize }]
    default:
      return []
  }
}

/** A body's maps in the kernel. */
export class Workload implements Disposable {
  readonly body: Body
  /** The counters: of hits and of the driver's runs. */
  readonly counters: BpfMap
  /** Hits that there is room for between two calls of `reset`. */
  readonly capacity: number
  readonly #maps = new Map<string, BpfMap<unknown, unknown>>()
  readonly #ring: RingBuffer | undefined

  /**
   * Creates the maps.
   *
   * @param ringSize bytes of the ring buffer, a power of two and of whole pages
   * @throws BpfError when the kernel refuses; nothing stays behind then
   */
  constructor(name: BodyName, ringSize: number = RING_SIZE) {
    this.body = bodies[name]
    try {
      this.counters = BpfMap.create({
        name: mapNames.counters,
        type: 'array',
        keySize: 4,
        valueSize: COUNTERS_SIZE,
        maxEntries: 1,
      })
      this.#maps.set(mapNames.counters, this.counters)
      for (const spec of specs(name, ringSize)) this.#maps.set(spec.name ?? '', BpfMap.create(spec))
      const ring = this.#maps.get(mapNames.ring)
      if (ring !== undefined) this.#ring = RingBuffer.open(ring)
      this.capacity =
        ring === undefined ? Number.MAX_SAFE_INTEGER : ringSize / (RECORD_SIZE + RECORD_HEADER) - 1
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  /**
   * Loads the body as a program of some kind.
   *
   * @throws what `Program.load` throws
   */
  load(name: string, kind: Pick<ProgramSpec, 'type' | 'expectedAttachType' | 'attachTarget'>): Program {
    return Program.load(
      { name, license: 'GPL', ...kind, instructions: [...this.body.instructions] },
      { maps: map => this.#maps.get(map) },
    )
  }

  /** Sets the counters to 0, and makes room where the body needs some. */
  reset(): void {
    this.#ring?.drain(() => {})
    this.counters.set(new Uint8Array(4), new Uint8Array(COUNTERS_SIZE))
  }

  /** Hits and runs of the driver since `reset`. */
  counted(): { hits: number; runs: number } {
    const value = this.counters.get(new Uint8Array(4)) ?? new Uint8Array(COUNTERS_SIZE)
    const view = new DataView(value.buffer, value.byteOffset)
    return {
      hits: Number(view.getBigUint64(HITS_OFFSET, true)),
      runs: Number(view.getBigUint64(RUNS_OFFSET, true)),
    }
  }

  /**
   * Lets the kernel count the runs of a program, for a body that does not. It takes time at every run, so nothing may
   * be timed meanwhile.
   *
   * @param trigger makes the program run, and returns how often it must have
   */
  countByKernel(program: Program, trigger: () => number): Hits {
    using _stats = enableStats()
    const before = program.info().runCount
    const expected = trigger()
    return { expected, counted: Number(program.info().runCount - before) }
  }

  [Symbol.dispose](): void {
    this.#ring?.close()
    for (const map of this.#maps.values()) map.close()
  }
}
