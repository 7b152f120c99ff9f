/**
 * Reads the info struct of a kernel object, which grows from release to release.
 *
 * A kernel that knows fewer fields accepts a longer struct while the rest is zero, and says how much it filled in. What
 * it does not know stays zero. Fields that point to buffers are input: they are set only after a first reading showed
 * that the kernel knows them.
 *
 * Source: kernel/bpf/syscall.c `bpf_obj_get_info_by_fd`, `bpf_check_uarg_tail_zero`.
 *
 * @module
 */

import { cString } from '../base/bytes.ts'
import { systemError } from './errno.ts'
import { getInfo } from './info.ts'
import { allocate, type NativeMemory } from './memory.ts'

/** Longest name or path that is read back: the kernel's `PATH_MAX`. */
const NAME_SIZE = 4096

/** The info struct of one object: its fields as they were when the reader was made, and buffers on demand. */
export class InfoReader {
  readonly #fd: number
  readonly #size: number
  readonly #noun: string
  readonly #info: NativeMemory
  readonly #known: number

  /**
   * Reads the struct. Since Linux 4.13.
   *
   * @param fd of the object
   * @param size bytes of the struct, as the layouts have it
   * @param noun names the object in errors: `'map'`
   * @throws BpfError when the kernel refuses
   */
  constructor(fd: number, size: number, noun: string) {
    this.#fd = fd
    this.#size = size
    this.#noun = noun
    const info = allocate(size)
    this.#known = this.#fill(info)
    this.#info = info
  }

  /** Whether the kernel knows the field at an offset. */
  knows(offset: number): boolean {
    return offset < this.#known
  }

  /** A 32-bit field; 0 when the kernel does not know it. */
  readonly u32 = (offset: number): number => this.#info.view.getUint32(offset, true)

  /** A 64-bit field; 0 when the kernel does not know it. */
  readonly u64 = (offset: number): bigint => this.#info.view.getBigUint64(offset, true)

  /** The bytes of a field; zeros when the kernel does not know it. */
  bytes(offset: number, size: number): Uint8Array {
    return this.#info.bytes.subarray(offset, offset + size)
  }

  /**
   * Reads the struct once more, with pointers to buffers in it.
   *
   * @param prepare writes the pointers and lengths
   * @returns the struct, as the kernel filled it in
   * @throws BpfError when the kernel refuses
   */
  read(prepare: (view: DataView) => void): NativeMemory {
    const info = allocate(this.#size)
    prepare(info.view)
    this.#fill(info)
    return info
  }

  /**
   * The text that the kernel writes to a pointer.
   *
   * @param pointer offset of the field with the address
   * @param length offset of the field with the bytes of the buffer
   * @param size bytes that the text has at most, with its NUL. Default: those of a path
   */
  string(pointer: number, length: number, size: number = NAME_SIZE): string {
    const name = allocate(size)
    this.read(view => {
      view.setBigUint64(pointer, BigInt(name.address), true)
      view.setUint32(length, size, true)
    })
    return cString(name.bytes)
  }

  /**
   * The buffers that the kernel writes to pointers which share one count.
   *
   * @param count elements of each
   * @param elementSize bytes of an element
   * @param countAt offset of the field with the count
   * @param pointers offsets of the fields with the addresses
   * @returns the buffers, and the struct that was read with them
   */
  buffers(
    count: number,
    elementSize: number,
    countAt: number,
    pointers: readonly number[],
  ): { buffers: NativeMemory[]; info: DataView } {
    const buffers = pointers.map(() => allocate(count * elementSize))
    const { view: info } = this.read(view => {
      view.setUint32(countAt, count, true)
      pointers.forEach((pointer, i) => {
        view.setBigUint64(pointer, BigInt(buffers[i]!.address), true)
      })
    })
    return { buffers, info }
  }

  #fill(info: NativeMemory): number {
    const known = getInfo(this.#fd, info)
    if (known < 0) {
      throw systemError(`Cannot read ${this.#noun} info`, known, 'bpf(BPF_OBJ_GET_INFO_BY_FD)')
    }
    return known
  }
}
