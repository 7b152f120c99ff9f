/**
 * Stack maps: what `bpf_get_stackid` has written.
 *
 * Source: kernel/bpf/stackmap.c `__bpf_get_stackid`, `bpf_stackmap_extract`; include/uapi/linux/bpf.h
 * `struct bpf_stack_build_id`.
 *
 * @module
 */

import { BPF_STACK_BUILD_ID_EMPTY, BPF_STACK_BUILD_ID_VALID } from '../../abi/constants.ts'
import { BPF_F_STACK_BUILD_ID } from '../../abi/generated/flags.ts'
import { hostByteOrder } from '../../base/bytes.ts'
import type { CodeLocation } from '../../symbols/frame.ts'
import type { BpfMap } from '../map.ts'

/** Bytes of an address, and of a `struct bpf_stack_build_id`: status, build id of 20 bytes, offset or address. */
const ADDRESS = 8
const BUILD_ID = 32
/** Where the build id and the offset begin in one. */
const [ID, OFFSET] = [4, 24]

/** A map's stacks: addresses, or build ids with offsets where the map was created with `BPF_F_STACK_BUILD_ID`. */
export class StackMap implements Iterable<[id: number, stack: CodeLocation[]]> {
  readonly #map: BpfMap
  readonly #buildIds: boolean
  readonly #key = new Uint8Array(4)

  /**
   * A view of a map, which stays the caller's.
   *
   * @param map of type `stack_trace`, however its elements are seen. Since Linux 4.6; with build ids since Linux 4.17
   * @throws TypeError when the map is of another type
   */
  constructor(map: Pick<BpfMap, 'type' | 'flags' | 'name' | 'bytes'>) {
    if (map.type !== 'stack_trace') {
      throw new TypeError(`Cannot read stacks of map ${map.name}: its type is ${map.type}, not stack_trace`)
    }
    this.#map = map.bytes()
    this.#buildIds = (map.flags & BPF_F_STACK_BUILD_ID) !== 0
  }

  /**
   * The stack with an id, from the function that ran to the first one, as `Symbolizer.stack` takes it. Equal stacks have one
   * id. The map forgets a stack when it is deleted, or, with `BPF_F_REUSE_STACKID`, when another with the same hash comes:
   * what was counted by its id is then counted for the other.
   *
   * @param id what `bpf_get_stackid` returned. Negative numbers are its errors (`-EFAULT`: the task has no such stack;
   *   `-EEXIST`: another stack has this hash), and have no stack
   * @returns `undefined` when no stack has the id
   * @throws RangeError when it is not an integer of 32 bits
   * @throws BpfError when the kernel refuses
   */
  get(id: number): CodeLocation[] | undefined {
    if (!(Number.isInteger(id) && id >= -0x8000_0000 && id <= 0xffff_ffff)) {
      throw new RangeError(`${id} is not a stack id`)
    }
    if (id < 0 || id >= this.#map.maxEntries) return undefined
    new DataView(this.#key.buffer).setUint32(0, id, hostByteOrder === 'little')
    const value = this.#map.get(this.#key)
    return value === undefined ? undefined : parseStack(value, this.#buildIds)
  }

  /** All stacks with their ids. Programs may add some meanwhile, which come or not. */
  *[Symbol.iterator](): Generator<[id: number, stack: CodeLocation[]], undefined> {
    for (const key of this.#map.keys()) {
      const id = new DataView(key.buffer, key.byteOffset).getUint32(0, hostByteOrder === 'little')
      const stack = this.get(id)
      if (stack !== undefined) yield [id, stack]
    }
  }
}

/**
 * The places in a value of a stack map, or in what `bpf_get_stack` has written.
 *
 * @param bytes addresses of 8 bytes, or with build ids structs of 32 bytes; up to the first empty one
 * @param buildIds whether they are build ids (`BPF_F_STACK_BUILD_ID`, `BPF_F_USER_BUILD_ID`)
 */
export function parseStack(bytes: Uint8Array, buildIds: boolean): CodeLocation[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = hostByteOrder === 'little'
  const stack: CodeLocation[] = []
  if (!buildIds) {
    for (let at = 0; at + ADDRESS <= bytes.length; at += ADDRESS) {
      const address = view.getBigUint64(at, little)
      if (address === 0n) break
      stack.push(address)
    }
    return stack
  }
  for (let at = 0; at + BUILD_ID <= bytes.length; at += BUILD_ID) {
    const status = view.getInt32(at, little)
    if (status === BPF_STACK_BUILD_ID_EMPTY) break
    const offset = view.getBigUint64(at + OFFSET, little)
    // Where the kernel cannot read the build id, it gives the address.
    if (status !== BPF_STACK_BUILD_ID_VALID) stack.push(offset)
    else stack.push({ buildId: Buffer.from(bytes.subarray(at + ID, at + OFFSET)).toString('hex'), offset })
  }
  return stack
}
