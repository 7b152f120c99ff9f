/**
 * Which reader has each map of this thread: two readers of one map lose or repeat its records.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import { type MapInfo, readMapInfo } from '../maps/info.ts'
import { checkFd, requireKind } from '../objects/descriptor.ts'

/** By the map's id. Weak: a reader that was collected does not keep its map. */
const owners = new Map<number, WeakRef<object>>()

/** The maps that one reader has. */
export class Claims {
  readonly #owner: object
  readonly #ids: number[] = []

  /** @param owner lives as long as anything reads the maps */
  constructor(owner: object) {
    this.#owner = owner
  }

  /**
   * Takes a map.
   *
   * @throws BpfError `ERR_BUSY` when another reader of this thread has it
   */
  add(id: number): void {
    if (owners.get(id)?.deref() !== undefined)
      throw new BpfError('this thread reads it already; close that reader first', { code: 'ERR_BUSY' })
    owners.set(id, new WeakRef(this.#owner))
    this.#ids.push(id)
  }

  /** Gives all maps back. Idempotent. */
  release(): void {
    for (const id of this.#ids.splice(0)) owners.delete(id)
  }
}

/**
 * What the descriptor refers to, as the kernel says: whatever else is mapped would be written over.
 *
 * @throws TypeError when it is not a map of the type
 * @throws BpfError `ERR_NOT_A_MAP`, `EBADF`
 */
export function requireMapType(
  fd: number,
  name: string,
  wanted: 'ringbuf' | 'perf_event_array',
): Pick<MapInfo, 'id' | 'maxEntries' | 'flags'> {
  const action = `Cannot read map ${name}`
  checkFd(fd, action)
  requireKind(fd, 'map', `${action}: descriptor ${fd}`)
  const { id, type, maxEntries, flags } = readMapInfo(fd)
  if (type !== wanted) throw new TypeError(`${action}: it is of type ${type}, not ${wanted}`)
  return { id, maxEntries, flags }
}
