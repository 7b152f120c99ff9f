/**
 * Memory at a fixed address, for what the kernel reads and writes.
 *
 * @module
 */

import { syscallEntry } from './entry.ts'

/** Zero-initialized memory outside the JavaScript heap, whose address is fixed for its life. */
export interface NativeMemory {
  /** The memory. */
  readonly bytes: Uint8Array<ArrayBuffer>
  /** The same memory. */
  readonly view: DataView<ArrayBuffer>
  /** Its address. Valid while this object, or a view of its buffer, is referenced. */
  readonly address: number
}

/**
 * Allocates memory.
 *
 * @param size bytes; 0 gives memory of no bytes with a valid address
 * @throws RangeError when there is not that much memory
 */
export function allocate(size: number): NativeMemory {
  // An ArrayBuffer of its own has a backing store outside the heap, even when small; only a typed array made
  // from a length may lie inside. An empty one has no address, hence the minimum.
  const buffer = new ArrayBuffer(Math.max(size, 8))
  const address = syscallEntry().addressOf(new Uint8Array(buffer))
  return { bytes: new Uint8Array(buffer, 0, size), view: new DataView(buffer, 0, size), address }
}

/**
 * A string as the kernel reads it: UTF-8 with a NUL behind it.
 *
 * @throws RangeError when it contains a NUL
 */
export function nativeString(text: string): NativeMemory {
  if (text.includes('\0'))
    throw new RangeError(`Cannot pass ${JSON.stringify(text)} to the kernel: it contains a NUL`)
  const bytes = utf8.encode(`${text}\0`)
  const memory = allocate(bytes.length)
  memory.bytes.set(bytes)
  return memory
}

const utf8 = new TextEncoder()

let scratchMemory: NativeMemory | undefined

/**
 * This thread's scratch memory, with whatever content its last user left. It is valid until the next call of
 * this function: use it only where nothing in between can ask for it too.
 *
 * @param size bytes it must have at least
 */
export function scratch(size: number): NativeMemory {
  if (scratchMemory === undefined || scratchMemory.bytes.length < size) {
    scratchMemory = allocate(Math.max(4096, 2 ** Math.ceil(Math.log2(size))))
  }
  return scratchMemory
}
