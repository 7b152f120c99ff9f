/**
 * What tests make in the kernel by name, and what a killed run has left of it: processes, pins, control groups, events.
 *
 * @module
 */

import { appendFileSync, existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  listProbeEvents,
  type ProbeEvent,
  removeProbeEvents,
} from '../../src/links/hooks/perf-event/probe-event.ts'
import { isStale, OWNER, ownerOf } from './owner.ts'
import { eventually } from './poll.ts'
import { cgroup2Path } from './requirements.ts'

/** Beginning of every name; the library's own events begin with `ebpf_ts_`. */
const PREFIX = 'ebpf_test_'

/** Milliseconds to wait for events that are in use, some of them for good: by a pin that no test has made. */
const PATIENCE = 5000

let count = 0

/** A name that no other process has, for a pin, a control group, or a group of events. */
export function ownName(): string {
  return `${PREFIX}${OWNER}_${count++}`
}

/** Removes what processes that are gone have left. */
export async function removeStale(): Promise<void> {
  for (const pid of readdirSync('/proc').filter(each => /^\d+$/.test(each))) {
    if (isStale(ownerOf(pid) ?? '')) attempt(() => process.kill(Number(pid), 'SIGKILL'))
  }
  for (const path of staleEntries('/sys/fs/bpf')) {
    attempt(() => rmSync(path, { recursive: true, force: true }))
  }
  for (const path of staleEntries(cgroup2Path())) attempt(() => rmdirSync(path))
  // The kernel frees a link some time after its pin or its process is gone; its event is in use until then.
  await eventually(() => {
    attempt(() => removeProbeEvents())
    for (const { kind, group, name } of staleEvents()) {
      attempt(() => appendFileSync(`/sys/kernel/tracing/${kind}_events`, `-:${group}/${name}`))
    }
    return staleEvents().length === 0
  }, PATIENCE)
}

/** Stale pins or control groups in a directory. */
function staleEntries(directory: string | undefined): string[] {
  if (directory === undefined) return []
  const names = attempt(() => readdirSync(directory)) ?? []
  return names.filter(name => name.startsWith(PREFIX) && isStale(name)).map(name => join(directory, name))
}

/** Events of tests, and of the library in processes that are gone. */
function staleEvents(): readonly ProbeEvent[] {
  const events = attempt(() => [...listProbeEvents(), ...listProbeEvents(PREFIX)]) ?? []
  return events.filter(({ group }) => {
    const pid = /^ebpf_ts_(\d+)$/.exec(group)?.[1]
    return pid === undefined ? isStale(group) : !existsSync(`/proc/${pid}`)
  })
}

/** The result of a function; `undefined` when it throws: something is busy, is gone by now, or is not mounted. */
function attempt<T>(use: () => T): T | undefined {
  try {
    return use()
  } catch {
    return undefined
  }
}
