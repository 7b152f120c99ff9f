/**
 * CPUs of the machine. Per-CPU maps have a value for every possible CPU, perf buffers one ring for every
 * online CPU. The numbers of the possible CPUs may have holes: `0,2`.
 *
 * Source: Documentation/admin-guide/cputopology.rst.
 *
 * @module
 */

import { readRequiredText } from './read-text.ts'

/** More CPUs than any kernel is built for; keeps a nonsensical list from filling memory. */
const MAX_CPUS = 1 << 16

/**
 * Parses a list of CPUs: `'0-3,8'`.
 *
 * @returns their numbers, ascending
 * @throws RangeError when it is not such a list
 */
export function parseCpuList(text: string): number[] {
  const cpus = new Set<number>()
  const list = text.trim()
  for (const part of list === '' ? [] : list.split(',')) {
    const match = /^(\d+)(?:-(\d+))?$/.exec(part)
    const first = Number(match?.[1])
    const last = Number(match?.[2] ?? match?.[1])
    if (match === null || first > last || last >= MAX_CPUS) {
      throw new RangeError(`Cannot parse CPU list ${JSON.stringify(text)}`)
    }
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu)
  }
  return [...cpus].sort((a, b) => a - b)
}

let possible: readonly number[] | undefined

/**
 * Numbers of the CPUs that can ever be online, ascending. Per-CPU maps have one value for each of them and none for
 * the holes between: the value with index `i` is that of the CPU `possibleCpus()[i]`.
 *
 * Source: kernel/bpf/hashtab.c `bpf_percpu_hash_copy`, which walks `for_each_possible_cpu`; libbpf
 * `libbpf_num_possible_cpus`, which counts them.
 */
export function possibleCpus(): readonly number[] {
  possible ??= Object.freeze(parseCpuList(readRequiredText('/sys/devices/system/cpu/possible')))
  return possible
}

/**
 * The highest number of a possible CPU plus one, the kernel's `nr_cpu_ids`: entries of a map whose keys are the numbers
 * of CPUs. Above the number of possible CPUs where their numbers have holes.
 */
export function nrCpuIds(): number {
  return (possibleCpus().at(-1) ?? 0) + 1
}

/** Numbers of the CPUs that are online now. */
export function onlineCpus(): number[] {
  return parseCpuList(readRequiredText('/sys/devices/system/cpu/online'))
}
