/**
 * The map behind one or several typed views: its descriptor, its facts, and memory for one key and one value.
 *
 * @module
 */

import type { MapType } from '../abi/generated/enums.ts'
import { possibleCpus } from '../kernel/cpus.ts'
import { ObjectHandle } from '../objects/handle.ts'
import type { OwnedFd } from '../syscalls/fd.ts'
import { allocate, type NativeMemory } from '../syscalls/memory.ts'
import { perCpuStride } from './kinds/per-cpu.ts'
import { type MapKind, mapKind } from './kinds.ts'
import type { MapSpec } from './spec.ts'

/** What does not change while a map exists. */
export interface MapFacts {
  /** Name as it is shown in messages. */
  readonly name: string
  readonly type: MapType | number
  /** Bytes of a key; 0 for queues, stacks and Bloom filters. */
  readonly keySize: number
  /** Bytes of a value; of one CPU's value in a per-CPU map. */
  readonly valueSize: number
  /** Greatest number of elements; bytes of a ring buffer. */
  readonly maxEntries: number
  /** `BPF_F_*` flags of map creation. */
  readonly flags: number
}

/**
 * Memory for the key and the value of one call, at fixed addresses. A map has its own, and a handle belongs to one
 * thread, so nothing else writes between encoding and the system call.
 */
export interface Slots {
  readonly key: NativeMemory
  /** Receives the next key, so that the current one stays. */
  readonly nextKey: NativeMemory
  readonly value: NativeMemory
}

/** A map's descriptor and facts. Views of one map share it. */
export class MapHandle extends ObjectHandle {
  readonly facts: MapFacts
  /** What there is to know of its type. */
  readonly mapKind: MapKind
  /** What it was created from. */
  readonly spec: MapSpec | undefined
  /** Whether batch lookups work; `undefined` until one was tried. */
  batchLookups: boolean | undefined
  readonly #onClose: (() => void)[] = []
  #slots: Slots | undefined

  /** @param known what is known besides: the spec that it was created from, its id */
  constructor(fd: OwnedFd, facts: MapFacts, { spec, id }: { spec?: MapSpec | undefined; id?: number } = {}) {
    super('map', fd, id)
    this.facts = facts
    this.mapKind = mapKind(facts.type)
    this.spec = spec
  }

  /** Bytes that the kernel copies for a value: in per-CPU maps those of all possible CPUs. */
  get valueBytes(): number {
    const { valueSize } = this.facts
    return this.mapKind.values === 'per_cpu' ? perCpuStride(valueSize) * possibleCpus() : valueSize
  }

  /** Memory for one key and value; allocated at the first use, since ring buffers never need it. */
  get slots(): Slots {
    this.#slots ??= {
      key: allocate(this.facts.keySize),
      nextKey: allocate(this.facts.keySize),
      value: allocate(this.valueBytes),
    }
    return this.#slots
  }

  /** Runs something once when the map is closed. */
  onClose(callback: () => void): void {
    this.#onClose.push(callback)
  }

  /** Closes the descriptor. Idempotent. */
  override close(): void {
    try {
      for (const callback of this.#onClose.splice(0)) callback()
    } finally {
      super.close()
    }
  }
}
