/**
 * Which reader or producer has each map of this thread: two of one map lose, repeat or tear its records.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import { type MapInfo, readMapInfo } from '../maps/info.ts'
import { checkFd, requireKind } from '../objects/descriptor.ts'

/** By the map's id. Weak: an owner that was collected does not keep its map. */
const owners = new Map<number, WeakRef<object>>()

/** The maps that one reader or producer has. */
export class Claims {
  readonly #owner: object
  readonly #role: 'reader' | 'producer'
  readonly #ids: number[] = []

  /** @param owner lives as long as anything uses the maps */
  constructor(owner: object, role: 'reader' | 'producer' = 'reader') {
    this.#owner = owner
    this.#role = role
  }

  /**
   * Takes a map.
   *
   * @throws BpfError `ERR_BUSY` when another one of this thread has it
   */
  add(id: number): void {
    if (owners.get(id)?.deref() !== undefined) {
      const verb = this.#role === 'reader' ? 'reads' : 'writes to'
      throw new BpfError(`this thread ${verb} it already; close that ${this.#role} first`, {
        code: 'ERR_BUSY',
      })
    }
    owners.set(id, new WeakRef(this.#owner))
    this.#ids.push(id)
  }

  /** Gives all maps back. Idempotent. */
  release(): void {
    for (const id of this.#ids.splice(0)) owners.delete(id)
  }
}

/** What opens the maps that have records, for messages. */
const openers: Readonly<Record<string, string>> = {
  ringbuf: 'RingBuffer, or ringBuffer() of a collection',
  perf_event_array: 'PerfBuffer, or perfBuffer() of a collection',
  user_ringbuf: 'UserRingBuffer',
}

/**
 * What the descriptor refers to, as the kernel says: whatever else is mapped would be written over.
 *
 * @param verb what is to be done with the map, for messages
 * @throws TypeError when it is not a map of the type
 * @throws BpfError `ERR_NOT_A_MAP`, `EBADF`
 */
export function requireMapType(
  fd: number,
  name: string,
  wanted: 'ringbuf' | 'perf_event_array' | 'user_ringbuf',
  verb: 'read' | 'write to' = 'read',
): Pick<MapInfo, 'id' | 'maxEntries' | 'flags'> {
  const action = `Cannot ${verb} map ${name}`
  checkFd(fd, action)
  requireKind(fd, 'map', `${action}: descriptor ${fd}`)
  const { id, type, maxEntries, flags } = readMapInfo(fd)
  if (type !== wanted) {
    const opener = openers[type]
    const remedy = opener === undefined ? '' : `; use ${opener}`
    throw new TypeError(`${action}: it is of type ${type}, not ${wanted}${remedy}`)
  }
  return { id, maxEntries, flags }
}
