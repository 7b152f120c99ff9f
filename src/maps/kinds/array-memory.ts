/**
 * The values of an array as memory (Linux 5.5): read and written without system calls.
 *
 * Source: kernel/bpf/arraymap.c `array_map_mmap`; kernel/bpf/syscall.c `bpf_map_mmap`.
 *
 * @module
 */

import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../../abi/generated/flags.ts'
import { BpfError } from '../../base/errors.ts'
import { type MappingRegion, pageSize, SharedMapping } from '../../syscalls/mmap.ts'
import { describeMap } from '../describe.ts'
import type { MapHandle } from '../handle.ts'

/**
 * The values of an array, one every `stride` bytes. Once the map is closed it reads zeros, and so does every view
 * made of it: a stale one never faults.
 *
 * Where user space may not write (a frozen map, `BPF_F_RDONLY_PROG`), a write to the kernel's pages would end the
 * process, so this is a copy then: as it was at the last call of `BpfMap.memory`.
 */
export class MapMemory {
  /** The memory. It can be sent to worker threads. Views of it need an explicit offset and length to be fast. */
  readonly buffer: SharedArrayBuffer
  /** Bytes that belong to elements; the buffer is rounded up to whole pages. */
  readonly size: number
  /** Bytes from one element to the next. */
  readonly stride: number
  /** Whether this is a copy, and writes to it stay in this process. */
  readonly readOnly: boolean
  /** The elements' bytes. */
  readonly bytes: Uint8Array<SharedArrayBuffer>
  /** The elements' bytes, for reading and writing numbers. */
  readonly view: DataView<SharedArrayBuffer>
  /** What this is a copy of, as long as that can change. */
  readonly #source: SharedMapping | undefined

  /** @internal */
  constructor(
    buffer: SharedArrayBuffer,
    size: number,
    stride: number,
    readOnly: boolean,
    source?: SharedMapping,
  ) {
    this.buffer = buffer
    this.size = size
    this.stride = stride
    this.readOnly = readOnly
    this.bytes = new Uint8Array(buffer, 0, size)
    this.view = new DataView(buffer, 0, size)
    this.#source = source
  }

  /** @internal Copies again. */
  refresh(): void {
    if (this.#source !== undefined) this.bytes.set(new Uint8Array(this.#source.buffer, 0, this.size))
  }

  /**
   * The bytes of one element.
   *
   * @throws RangeError when the array does not have the element
   */
  element(index: number): Uint8Array<SharedArrayBuffer> {
    if (!(Number.isInteger(index) && index >= 0 && (index + 1) * this.stride <= this.size)) {
      throw new RangeError(`Cannot view element ${index}: there are ${this.size / this.stride}`)
    }
    return new Uint8Array(this.buffer, index * this.stride, this.stride)
  }
}

/**
 * Maps an array's values into memory, until its handle is closed.
 *
 * @returns `undefined` when the map was not created with `BPF_F_MMAPABLE`, or its values hold what user space must not write:
 *   locks, timers, kptrs, lists, trees
 * @throws BpfError when the kernel refuses
 */
export function mapMemory(handle: MapHandle): MapMemory | undefined {
  const { facts, mapKind } = handle
  if (mapKind.mappable !== true || (facts.flags & BPF_F_MMAPABLE) === 0) return undefined
  const stride = Math.ceil(facts.valueSize / 8) * 8
  const size = stride * facts.maxEntries
  const length = Math.ceil(size / pageSize()) * pageSize()
  if (!Number.isSafeInteger(length)) throw new RangeError(`Cannot map ${describeMap(facts)}: ${size} bytes`)

  try {
    const writable = (facts.flags & BPF_F_RDONLY_PROG) === 0 ? mapWritable(handle, length) : undefined
    if (writable !== undefined) {
      handle.onClose(() => writable.close())
      return new MapMemory(writable.buffer, size, stride, false)
    }
    return mapCopied(handle, { length, size, stride })
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ENOTSUPP') return undefined
    throw error
  }
}

function mapCopied(
  handle: MapHandle,
  { length, size, stride }: { length: number; size: number; stride: number },
): MapMemory {
  const source = map(handle, length, 'read')
  const copy = new SharedArrayBuffer(length)
  handle.onClose(() => {
    source.close()
    new Uint8Array(copy).fill(0)
  })
  return new MapMemory(copy, size, stride, true, source)
}

/** Maps; `undefined` when the map is frozen, or its descriptor for reading only. */
function mapWritable(handle: MapHandle, length: number): SharedMapping | undefined {
  try {
    return map(handle, length, 'read_write')
  } catch (error) {
    if (error instanceof BpfError && (error.code === 'EPERM' || error.code === 'EACCES')) return undefined
    throw error
  }
}

function map(handle: MapHandle, length: number, access: MappingRegion['access']): SharedMapping {
  const fd = handle.fd.fd
  return SharedMapping.create(length, [{ offset: 0, length, access, fd, fileOffset: 0 }])
}
