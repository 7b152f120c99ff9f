/**
 * CPUs of the machine. Per-CPU maps have a value for every possible CPU, perf buffers one ring for every
 * online CPU.
 *
 * Source: Documentation/admin-guide/cputopology.rst.
 *
 * @module
 */

import { readFileSync } from 'node:fs'

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

let possible: number | undefined

/** Number of values in a per-CPU map: the highest possible CPU number plus one. */
export function possibleCpus(): number {
  possible ??= (parseCpuList(readFileSync('/sys/devices/system/cpu/possible', 'utf8')).at(-1) ?? 0) + 1
  return possible
}

/** Numbers of the CPUs that are online now. */
export function onlineCpus(): number[] {
  return parseCpuList(readFileSync('/sys/devices/system/cpu/online', 'utf8'))
}
