/**
 * Iteration over the elements of a map.
 *
 * Elements may come and go meanwhile. Where the kernel copies whole hash buckets (Linux 5.6), every element that is there
 * all the time comes exactly once. Where it goes from key to key, an element may come twice when others delete the
 * key that the iteration is at; deleting the element that the loop has just been given is always safe. A resizable hash
 * moves its elements as it grows and shrinks: an iteration that changes it may miss some.
 *
 * Source: kernel/bpf/hashtab.c `htab_map_get_next_key`, which starts over when the key is gone.
 *
 * @module
 */

import { ENOENT } from '../base/errno.ts'
import { BpfError } from '../base/errors.ts'
import { mapGetNextKey, mapLookupElem } from '../syscalls/elem.ts'
import { allocate } from '../syscalls/memory.ts'
import { type Chunk, chunks, defaultChunkSize, iterationAborted, stepLimit, whole } from './chunks.ts'
import { describeMap } from './describe.ts'
import { type MapHandle, requireAttached } from './handle.ts'
import { mapError, wrongKind } from './map-error.ts'

/** Makes what the iteration yields from an element in memory. */
export type Emit<T> = (keys: DataView, keyOffset: number, values: DataView, valueOffset: number) => T

/** The elements of a map, one after the other. Node.js 22 and later have `map`, `filter` and others on it. */
export interface MapWalk<T> extends IteratorObject<T, undefined>, Disposable {
  /** Ends it; a `for` loop that is left does so. */
  return(): IteratorResult<T, undefined>
  [Symbol.iterator](): MapWalk<T>
}

/**
 * Walks a map.
 *
 * @param emit called for each element when it is asked for
 * @param withValues whether `emit` reads values
 * @throws TypeError when elements of such a map have no keys
 * @throws BpfError (from `next`) `ERR_ITERATION_ABORTED` when it changes so fast that no end is reached
 */
export function walk<T>(handle: MapHandle, emit: Emit<T>, withValues: boolean): MapWalk<T> {
  if (handle.mapKind.elements !== 'keyed') throw wrongKind(handle.facts, 'iterate')
  return new Walk(handle, emit, withValues)
}

const END: IteratorResult<never, undefined> = Object.freeze({ value: undefined, done: true })

/** No generator where there are batches: resuming one takes 13 ns, a fifteenth of what an element costs. */
class Walk<T> implements MapWalk<T> {
  readonly #handle: MapHandle
  readonly #emit: Emit<T>
  readonly #withValues: boolean
  /** Where there are batches. */
  #chunks: Generator<Chunk, true | number> | undefined
  /** Where there are no batches. */
  #keyByKey: Generator<T, undefined> | undefined
  #chunk: Chunk | undefined
  /** The next element of the chunk. */
  #next = 0
  #emitting = false
  #count = 0

  static {
    // As all iterators of JavaScript have it.
    Object.setPrototypeOf(Walk.prototype, Object.getPrototypeOf(Object.getPrototypeOf([].values())))
  }

  constructor(handle: MapHandle, emit: Emit<T>, withValues: boolean) {
    this.#handle = handle
    this.#emit = emit
    this.#withValues = withValues
    if (handle.mapKind.batches !== undefined && handle.batchLookups !== false) {
      const values = whole(handle)
      this.#chunks = chunks(handle, 'map_lookup_batch', defaultChunkSize(handle, values), values)
    } else this.#keyByKey = walkKeys(handle, emit, withValues)
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<T, undefined> {
    const at = this.#next
    const chunk = this.#chunk
    if (chunk === undefined || at >= this.#count) return this.#nextChunk()
    // The codec that decodes this element would see its memory change.
    if (this.#emitting) throw ownCodec(this.#handle)
    const { facts, valueBytes } = this.#handle
    this.#next = at + 1
    this.#emitting = true
    try {
      const value = this.#emit(chunk.keys.view, at * facts.keySize, chunk.values.view, at * valueBytes)
      this.#emitting = false
      return { value, done: false }
    } catch (error) {
      this.#emitting = false
      this.#end()
      throw error
    }
  }

  #nextChunk(): IteratorResult<T, undefined> {
    if (this.#emitting) throw ownCodec(this.#handle)
    if (this.#chunks === undefined) return this.#nextByKey()
    const { done, value } = this.#chunks.next()
    if (done !== true) {
      this.#chunk = value
      this.#next = 0
      this.#count = value.count
      return this.next()
    }
    this.#end()
    // Neither when it had ended before.
    if (value === true) this.#handle.batchLookups = true
    if (typeof value !== 'number') return END
    this.#handle.batchLookups = false
    this.#keyByKey = walkKeys(this.#handle, this.#emit, this.#withValues)
    return this.#nextByKey()
  }

  #nextByKey(): IteratorResult<T, undefined> {
    this.#emitting = true
    try {
      return this.#keyByKey?.next() ?? END
    } finally {
      this.#emitting = false
    }
  }

  #end(): void {
    // The generators hold memory alone. They are not asked to return: one that runs a codec which ends the walk cannot.
    this.#chunk = undefined
    this.#chunks = undefined
    this.#keyByKey = undefined
  }

  return(): IteratorResult<T, undefined> {
    this.#end()
    return END
  }

  [Symbol.dispose](): void {
    this.#end()
  }
}

function ownCodec({ facts }: MapHandle): BpfError {
  return new BpfError(`Cannot iterate ${describeMap(facts)} from the codec of its own elements`, {
    code: 'ERR_BUSY',
  })
}

function* walkKeys<T>(handle: MapHandle, emit: Emit<T>, withValues: boolean): Generator<T, undefined> {
  const { facts, valueBytes } = handle
  let current = allocate(facts.keySize)
  let next = allocate(facts.keySize)
  const value = allocate(valueBytes)
  let steps = 0
  let result = mapGetNextKey(handle.fd.fd, 0, current.address)
  while (result === 0) {
    requireAttached(current.bytes.buffer, facts)
    requireAttached(next.bytes.buffer, facts)
    requireAttached(value.bytes.buffer, facts)
    if (++steps > stepLimit(handle)) throw iterationAborted(handle)
    const fd = handle.fd.fd
    // The next key is found before the current one is handed out: the caller may delete that.
    result = mapGetNextKey(fd, current.address, next.address)
    const found = withValues ? mapLookupElem(fd, current.address, value.address) : 0
    if (found < 0 && found !== -ENOENT) throw mapError(facts, 'look up in', found, 'BPF_MAP_LOOKUP_ELEM')
    // Gone since its key was read, or an empty slot of an array.
    if (found === 0) yield emit(current.view, 0, value.view, 0)
    ;[current, next] = [next, current]
  }
  if (result !== -ENOENT) throw mapError(facts, 'iterate', result, 'BPF_MAP_GET_NEXT_KEY')
}
