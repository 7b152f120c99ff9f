/**
 * Frames that were looked up, of all processes: stacks have the same addresses again and again.
 *
 * @module
 */

import type { StackFrame } from '../frame.ts'

/** Bytes of memory that the frames of all processes take together. When they are more, all are forgotten. */
const MAX_MEMORY = 64 << 20
/** Bytes of memory for a frame besides the characters of its name, and for a character. */
const [PER_FRAME, PER_CHARACTER] = [192, 2]

/** The frames of one process by address. */
export type KnownFrames = Map<number, StackFrame>

/** Keeps frames, up to a limit that processes share. */
export class FrameCache {
  readonly #all = new Set<KnownFrames>()
  readonly #maxMemory: number
  #memory = 0

  /** @param maxMemory bytes that all frames may take. Default: 64 MiB */
  constructor(maxMemory: number = MAX_MEMORY) {
    this.#maxMemory = maxMemory
  }

  /** Bytes of memory that the frames take. */
  get memory(): number {
    return this.#memory
  }

  /** Keeps a frame among those of its process. */
  add(frames: KnownFrames, address: number, frame: StackFrame): void {
    const memory = memoryOf(frame)
    if (this.#memory + memory > this.#maxMemory) {
      for (const each of this.#all) each.clear()
      this.#all.clear()
      this.#memory = 0
    }
    this.#all.add(frames)
    frames.set(address, frame)
    this.#memory += memory
  }

  /** Forgets the frames of a process. */
  clear(frames: KnownFrames): void {
    for (const frame of frames.values()) this.#memory -= memoryOf(frame)
    frames.clear()
    this.#all.delete(frames)
  }
}

/** The name of a module is that of its mapping, for all frames. */
function memoryOf({ name = '' }: StackFrame): number {
  return PER_FRAME + PER_CHARACTER * name.length
}
