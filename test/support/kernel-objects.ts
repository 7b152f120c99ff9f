/**
 * The kernel objects that this process makes: for tests that none of them stays.
 *
 * Other processes make objects at the same time, and the kernel does not tell whose an object is. So the system
 * calls of this thread are watched: a call that returns a descriptor of an object reveals the object's id.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { commands } from '../../src/abi/generated/enums.ts'
import type { SyscallEntry } from '../../src/syscalls/backends/syscall-entry.ts'
import { syscallEntry } from '../../src/syscalls/entry.ts'
import { type NextIdCommand, nextId } from '../../src/syscalls/info.ts'
import { nr } from '../../src/syscalls/numbers.ts'
import { eventually } from './poll.ts'

/** The commands that make objects. */
const MAKERS: ReadonlySet<number> = new Set([
  commands.map_create,
  commands.prog_load,
  commands.btf_load,
  commands.link_create,
  commands.raw_tracepoint_open,
])

/** How to walk the ids of a kind, by the field of `/proc/self/fdinfo` that has the id; a link's names its program too. */
const WALKS: readonly (readonly [field: string, command: NextIdCommand])[] = [
  ['link_id', 'link_get_next_id'],
  ['prog_id', 'prog_get_next_id'],
  ['map_id', 'map_get_next_id'],
  ['btf_id', 'btf_get_next_id'],
]

/** Objects made since the last look, by a readable name such as `'map_id 12'`. */
const made = new Map<string, { command: NextIdCommand; id: number }>()

let watching = false

/** Begins to watch the system calls of this thread. Idempotent. */
export function watchKernelObjects(): void {
  if (watching) return
  watching = true
  const entry = syscallEntry()
  const { syscall, syscallAsync } = entry
  entry.syscall = (...args) => {
    const result = syscall(...args)
    note(args, result)
    return result
  }
  entry.syscallAsync = async (...args) => {
    const result = await syscallAsync(...args)
    note(args, result)
    return result
  }
}

function note([number, command]: Parameters<SyscallEntry['syscall']>, fd: number): void {
  if (number !== nr.bpf || fd < 0 || command === undefined || !MAKERS.has(command)) return
  const info = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')
  for (const [field, walk] of WALKS) {
    const id = new RegExp(`^${field}:\\s*(\\d+)$`, 'm').exec(info)?.[1]
    if (id === undefined) continue
    made.set(`${field} ${id}`, { command: walk, id: Number(id) })
    return
  }
}

/** Forgets what was made so far. */
export function forgetKernelObjects(): void {
  made.clear()
}

/** Names of the objects made since {@link forgetKernelObjects} that are alive, and stay so. */
export async function remainingKernelObjects(): Promise<string[]> {
  // The kernel frees objects after a grace period.
  await eventually(() => {
    for (const [name, { command, id }] of made) {
      if (nextId(command, id - 1) !== id) made.delete(name)
    }
    return made.size === 0
  })
  return [...made.keys()]
}
