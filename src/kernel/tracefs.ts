/**
 * tracefs: where tracepoints have their numbers.
 *
 * @module
 */

import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type ErrnoName, fileErrno } from '../base/errno.ts'
import { BpfError, fileError } from '../base/errors.ts'
import { suggestion } from '../base/nearest.ts'
import { mountsOf } from './mounts.ts'
import { readText } from './read-text.ts'

const MOUNT_POINTS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']

let mountPoint: string | undefined

/**
 * Where tracefs is mounted: at one of the usual places, else wherever the list of mounts has it.
 *
 * @throws BpfError with code `ENOENT` when it is not, `EACCES` when this user may not read it
 */
export function tracefsPath(): string {
  if (mountPoint !== undefined) return mountPoint
  const elsewhere = function* (): Generator<string> {
    yield* mountsOf('tracefs')
    for (const path of mountsOf('debugfs')) yield join(path, 'tracing')
  }
  const path = firstTracefs(MOUNT_POINTS) ?? firstTracefs(elsewhere())
  if (path === undefined) {
    throw new BpfError('tracefs is not mounted; run `mount -t tracefs tracefs /sys/kernel/tracing`', {
      code: 'ENOENT',
    })
  }
  mountPoint = path
  return path
}

/** What a path that is not that of a tracefs fails with. */
const ABSENT: readonly ErrnoName[] = ['ENOENT', 'ENOTDIR']

function firstTracefs(paths: Iterable<string>): string | undefined {
  let other: unknown
  for (const path of paths) {
    try {
      statSync(join(path, 'events'))
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') {
        throw new BpfError(`Cannot read ${path}: this user may not; run as root`, {
          code: 'EACCES',
          cause: error,
        })
      }
      if (!ABSENT.includes(fileErrno(error))) other ??= error
    }
  }
  if (other !== undefined) throw fileError('Cannot find tracefs', other)
  return undefined
}

/**
 * The number of a trace event, as `perf_event_open` takes it.
 *
 * @param group such as `'sched'`
 * @param name such as `'sched_switch'`
 * @throws TypeError when a name is not an identifier
 * @throws BpfError with code `ENOENT` when the event does not exist
 */
export function traceEventId(group: string, name: string): number {
  for (const each of [group, name]) {
    // The names become part of a path.
    if (!/^[A-Za-z0-9_-]+$/.test(each)) {
      throw new TypeError(
        `Cannot find trace event: ${JSON.stringify(each)} is not a name of a group or event`,
      )
    }
  }
  const root = tracefsPath()
  try {
    return Number(readFileSync(join(root, 'events', group, name, 'id'), 'utf8'))
  } catch (error) {
    const action = `Cannot find trace event ${group}/${name}`
    if (fileErrno(error) !== 'ENOENT') throw fileError(action, error)
    throw new BpfError(`${action}: ${noSuchEvent(join(root, 'events'), group, name)}`, {
      code: 'ENOENT',
      cause: error,
    })
  }
}

/** What of the two names the kernel does not have, and what is like it. */
function noSuchEvent(events: string, group: string, name: string): string {
  const names = directories(join(events, group))
  return names === undefined
    ? `the kernel has no group ${group}${suggestion(group, directories(events) ?? [])}`
    : `group ${group} has no such event${suggestion(name, names)}`
}

/** Names of the directories in one; `undefined` when it cannot be read. */
function directories(path: string): string[] | undefined {
  try {
    const entries = readdirSync(path, { withFileTypes: true })
    return entries.filter(entry => entry.isDirectory()).map(({ name }) => name)
  } catch {
    return undefined
  }
}

/** The file that describes the record of a trace event, for messages. */
export function formatPath(group: string, name: string): string {
  return join(tracefsPath(), 'events', group, name, 'format')
}

/** Bytes of the record of a trace event, by its format; `undefined` when that cannot be read. */
export function recordSize(group: string, name: string): number | undefined {
  const fields = readText(formatPath(group, name))?.matchAll(/offset:(\d+);\s*size:(\d+);/g) ?? []
  const ends = Array.from(fields, ([, offset, size]) => Number(offset) + Number(size))
  return ends.length === 0 ? undefined : Math.max(...ends)
}
