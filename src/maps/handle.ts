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
 * Memory for the key and the value of one call, at fixed addresses, in one buffer. A call borrows it from the map and
 * gives it back when the result is decoded. User code that runs meanwhile, such as a codec or a getter of a key, may
 * use the same map: that call finds nothing to borrow and gets memory of its own.
 */
export interface Slots {
  readonly buffer: ArrayBuffer
  readonly key: NativeMemory
  /** Receives the next key, so that the current one stays. */
  readonly nextKey: NativeMemory
  readonly value: NativeMemory
}

function makeSlots(keySize: number, valueBytes: number): Slots {
  const room = Math.ceil(keySize / 8) * 8
  const memory = allocate(2 * room + valueBytes)
  const { buffer } = memory.bytes
  const part = (offset: number, size: number): NativeMemory => ({
    bytes: new Uint8Array(buffer, offset, size),
    view: new DataView(buffer, offset, size),
    address: memory.address + offset,
  })
  return {
    buffer,
    key: part(0, keySize),
    nextKey: part(room, keySize),
    value: part(2 * room, valueBytes),
  }
}

/**
 * Checks memory right before the kernel gets its address: a codec that was given a view of it can have transferred it
 * to another owner.
 *
 * @throws TypeError when it was
 */
export function requireAttached(buffer: ArrayBuffer, { name }: MapFacts): void {
  // Memory at a fixed address has 8 bytes at least.
  if (buffer.byteLength !== 0) return
  throw new TypeError(
    `Cannot use map ${name}: a codec has transferred the buffer of the view that it was given`,
  )
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
  /** What the next call borrows. No private field: that would cost each call several nanoseconds. */
  spare: Slots | undefined
  readonly #onClose: (() => void)[] = []

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
    return this.mapKind.values === 'per_cpu' ? perCpuStride(valueSize) * possibleCpus().length : valueSize
  }

  /**
   * Memory for one call, until `giveBack`. Where a call throws, the memory may be left to the garbage collector; the next
   * call gets other.
   */
  borrow(): Slots {
    const slots = this.spare
    if (slots === undefined || slots.buffer.byteLength === 0) {
      return makeSlots(this.facts.keySize, this.valueBytes)
    }
    this.spare = undefined
    return slots
  }

  /** Gives memory back to the next call. */
  giveBack(slots: Slots): void {
    this.spare = slots
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
