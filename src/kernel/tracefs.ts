/**
 * tracefs: where tracepoints have their numbers.
 *
 * @module
 */

import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileErrno } from '../base/errno.ts'
import { BpfError, fileError } from '../base/errors.ts'

const MOUNT_POINTS = ['/sys/kernel/tracing', '/sys/kernel/debug/tracing']

let mountPoint: string | undefined

/**
 * Where tracefs is mounted.
 *
 * @throws BpfError with code `ENOENT` when it is not, `EACCES` when this user may not read it
 */
export function tracefsPath(): string {
  if (mountPoint !== undefined) return mountPoint
  for (const path of MOUNT_POINTS) {
    try {
      statSync(join(path, 'events'))
      mountPoint = path
      return path
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EACCES') {
        throw new BpfError(`Cannot read ${path}: this user may not; run as root`, {
          code: 'EACCES',
          cause: error,
        })
      }
    }
  }
  throw new BpfError('tracefs is not mounted; run `mount -t tracefs tracefs /sys/kernel/tracing`', {
    code: 'ENOENT',
  })
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
    throw new BpfError(`${action}: no such event`, { code: 'ENOENT', cause: error })
  }
}
