/**
 * Dynamic events in tracefs: kprobes and uprobes as lines in `kprobe_events` and `uprobe_events`. This is how
 * probes were made before they became perf events of their own in Linux 4.17, and still the only way to set how many
 * instances of a return probe may be active.
 *
 * Such an event has no owner: when a process dies without removing its events, they stay. Their group
 * is named after the process; `listProbeEvents` and `removeProbeEvents` clean up.
 *
 * Source: Documentation/trace/kprobetrace.rst, Documentation/trace/uprobetracer.rst.
 *
 * @module
 */

import { closeSync, constants, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { BpfError } from '../../../base/errors.ts'
import { failure } from '../../../kernel/failure.ts'
import { readTextIfPresent } from '../../../kernel/read-text.ts'
import { tracefsPath } from '../../../kernel/tracefs.ts'

/** Which list of events. */
export type ProbeEventKind = 'kprobe' | 'uprobe'

/** A dynamic event. */
export interface ProbeEvent {
  readonly kind: ProbeEventKind
  /** Group, such as `'ebpf_ts_1234'`. */
  readonly group: string
  /** Name within the group. */
  readonly name: string
}

/** Prefix of the groups that this library makes; the process id follows. */
export const PROBE_GROUP_PREFIX = 'ebpf_ts_'

/** The kernel's limit for names of groups and events, with the terminating NUL. */
const MAX_EVENT_NAME = 64

/**
 * A group of this process, and a name that no other event has.
 *
 * @param label what is probed; cut to fit the name
 */
export function newProbeEvent(kind: ProbeEventKind, prefix: 'p' | 'r', label: string): ProbeEvent {
  const suffix = `_${Math.floor(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0')}`
  const room = MAX_EVENT_NAME - 1 - prefix.length - 1 - suffix.length
  const readable = label.replace(/[^A-Za-z0-9_]/g, '_').slice(0, room)
  return { kind, group: `${PROBE_GROUP_PREFIX}${process.pid}`, name: `${prefix}_${readable}${suffix}` }
}

/**
 * Creates an event by appending its definition; the events of others stay.
 *
 * @param prefix `'p'`, `'r'`, or `'r8'` with the number of active instances
 * @param place what to probe: `'vfs_read+8'`, or `'/bin/bash:0x1234'`
 * @throws TypeError when the place cannot be written there
 * @throws BpfError when the kernel refuses, such as `ENOENT` for an unknown symbol
 */
export function createProbeEvent(event: ProbeEvent, prefix: string, place: string): void {
  // The kernel splits what it is given at spaces and line ends, and leaves out comments.
  if (/[\s#]/.test(place)) {
    throw new TypeError(
      `Cannot create a probe on ${JSON.stringify(place)}: tracefs takes no places with spaces or #`,
    )
  }
  append(event.kind, `${prefix}:${event.group}/${event.name} ${place}`, `Cannot create a probe on ${place}`)
}

/**
 * Removes an event, unless it is in use or gone: a link that was pinned keeps its event, and who cleans up in another
 * process may have been faster.
 *
 * @returns whether it was removed
 */
export function releaseProbeEvent(event: ProbeEvent): boolean {
  const name = `${event.group}/${event.name}`
  try {
    append(event.kind, `-:${name}`, `Cannot remove the probe event ${name}`)
    return true
  } catch (error) {
    if (error instanceof BpfError && (error.code === 'EBUSY' || error.code === 'ENOENT')) return false
    throw error
  }
}

function append(kind: ProbeEventKind, line: string, what: string): void {
  const path = join(tracefsPath(), `${kind}_events`)
  // Truncating it would remove all events.
  const fd = attempt(what, `open(${path})`, () => openSync(path, constants.O_WRONLY | constants.O_APPEND))
  try {
    attempt(what, `write(${path})`, () => writeSync(fd, line))
  } finally {
    closeSync(fd)
  }
}

function attempt(what: string, syscall: string, call: () => number): number {
  try {
    return call()
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).errno
    if (errno === undefined) throw error
    throw failure(what, errno, syscall)
  }
}

/**
 * The dynamic events whose group starts with a prefix.
 *
 * @param prefix default: all that any process made with this library
 */
export function listProbeEvents(prefix: string = PROBE_GROUP_PREFIX): ProbeEvent[] {
  if (prefix === '') throw new TypeError('Cannot list probe events: the prefix is empty')
  const events: ProbeEvent[] = []
  for (const kind of ['kprobe', 'uprobe'] as const) {
    // A kernel without probes of this kind has no such file.
    const lines = readTextIfPresent(join(tracefsPath(), `${kind}_events`)) ?? ''
    for (const line of lines.split('\n')) {
      const match = /^[pr]\d*:([^/\s]+)\/(\S+)/.exec(line)
      if (match?.[1]?.startsWith(prefix)) events.push({ kind, group: match[1], name: match[2]! })
    }
  }
  return events
}

/**
 * Removes the dynamic events whose group starts with a prefix, except those in use, such as by a pinned link, and
 * those of other processes that still live; other events are not touched.
 *
 * @param prefix default: all that any process made with this library
 * @returns the events that were removed
 */
export function removeProbeEvents(prefix: string = PROBE_GROUP_PREFIX): ProbeEvent[] {
  return listProbeEvents(prefix).filter(event => !belongsToOther(event.group) && releaseProbeEvent(event))
}

/** Whether an event, though not in use, may be about to be: its process lives, and is not this one. */
function belongsToOther(group: string): boolean {
  const pid = new RegExp(`^${PROBE_GROUP_PREFIX}(\\d+)$`).exec(group)?.[1]
  if (pid === undefined || Number(pid) === process.pid) return false
  try {
    process.kill(Number(pid), 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
