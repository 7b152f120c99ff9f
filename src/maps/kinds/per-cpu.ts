/**
 * Values of per-CPU maps.
 *
 * Source: kernel/bpf/hashtab.c `bpf_percpu_hash_copy`: one value per possible CPU, in the order of
 * their numbers, each padded to 8 bytes.
 *
 * @module
 */

import { type Codec, inMember } from '../../base/codec.ts'
import { possibleCpus } from '../../kernel/cpus.ts'

/** Bytes from one CPU's value to the next. */
export function perCpuStride(valueSize: number): number {
  return Math.ceil(valueSize / 8) * 8
}

/** Values of all possible CPUs. */
export interface PerCpuCodec<T, W = T> extends Codec<T[], readonly W[]> {
  /** Codec of one CPU's value. */
  readonly each: Codec<T, W>
}

/**
 * The values of all possible CPUs: an array with one entry per CPU, that of `possibleCpus()[i]` at index `i`.
 *
 * @param codec of one CPU's value
 */
export function perCpu<T, W = T>(codec: Codec<T, W>): PerCpuCodec<T, W> {
  const stride = perCpuStride(codec.size)
  return {
    each: codec,
    // Asked for late: making a codec works on every operating system.
    get size() {
      return stride * possibleCpus().length
    },
    decode(view, offset) {
      const values: T[] = []
      const count = possibleCpus().length
      for (let cpu = 0; cpu < count; cpu++) values.push(codec.decode(view, offset + cpu * stride))
      return values
    },
    encode(values, view, offset) {
      const count = possibleCpus().length
      if (!Array.isArray(values)) throw new TypeError('a per-CPU value must be an array')
      if (values.length !== count) {
        throw new RangeError(`${values.length} values are not ${count}, one per possible CPU`)
      }
      for (let cpu = 0; cpu < count; cpu++) {
        const at = offset + cpu * stride
        try {
          codec.encode(values[cpu]!, view, at)
        } catch (error) {
          throw inMember(cpu, error)
        }
        for (let i = codec.size; i < stride; i++) view.setUint8(at + i, 0)
      }
    },
  }
}
