/**
 * A map in the kernel.
 *
 * @module
 */

import type { MapType } from '../abi/generated/enums.ts'
import type { Codec } from '../base/codec.ts'
import type { BtfInput } from '../btf/codec/value.ts'
import { Opener } from '../objects/opener.ts'
import { type OpenPinOptions, type PinOptions, unpinPath } from '../objects/pin.ts'
import type { OwnedFd } from '../syscalls/fd.ts'
import { deleteBatch, readBatches, setBatch } from './batch.ts'
import { clearMap } from './clear.ts'
import { createMap, freezeMap } from './create/create.ts'
import type { CreateMapOptions } from './create/options.ts'
import { describeMap } from './describe.ts'
import { Elements, type LookupOptions, type MapUpdateOptions, type UpdateMode } from './element.ts'
import { MapHandle } from './handle.ts'
import { type MapInfo, readMapInfo } from './info.ts'
import { type MapWalk, walk } from './iterate.ts'
import { type ArenaMemory, arenaMemory, shareArena } from './kinds/arena.ts'
import { type MapMemory, mapMemory } from './kinds/array-memory.ts'
import type { DescriptorOwner } from './kinds/descriptors.ts'
import { innerMapCodec } from './kinds/map-of-maps.ts'
import { perCpuStride } from './kinds/per-cpu.ts'
import { peek, pop, push } from './kinds/queue.ts'
import type { MapOfMapsType, PerCpuMapType, PlainMapType } from './kinds.ts'
import { type AllCpuValues, type OneCpuValues, type ValueOfCpu, valuesOfCpu } from './one-cpu.ts'
import { noKey } from './raw.ts'
import type { MapSpec } from './spec.ts'
import { byteView, type DecodedOptions, decodedView, type MapView, rawView } from './views.ts'

/** What views of one map share besides its handle. */
interface Shared {
  memory?: MapMemory | undefined
}

/**
 * A map, held by its file descriptor: it stays in the kernel until the last descriptor, pin or program that uses it
 * is gone. It looks like JavaScript's `Map`, except that it does not know its size.
 *
 * One map has any number of views, which share the descriptor: {@link BpfMap.bytes} as system calls pass elements,
 * {@link BpfMap.typed} through codecs, {@link BpfMap.decoded} through BTF. A map that is created or opened has keys and
 * values of raw bytes; values of per-CPU maps are arrays with one entry per possible CPU, in the order of
 * `possibleCpus`, those of maps of maps are maps. Where the type of the map is not known at compile time, its values are
 * `unknown`. Maps of a collection are seen through BTF.
 *
 * @typeParam K what is read as a key
 * @typeParam V what is read as a value
 * @typeParam KI what is given as a key
 * @typeParam VI what is written as a value
 */
export class BpfMap<K = Uint8Array, V = Uint8Array, KI = K, VI = V> implements Disposable, Iterable<[K, V]> {
  static readonly #opener = new Opener('map', fd => BpfMap.#opened(fd))
  readonly #handle: MapHandle
  readonly #view: () => MapView<K, V, KI, VI>
  readonly #shared: Shared
  /** Made at the first use: codecs of BTF types are not free, and programs touch few of their maps. */
  #seen: Elements<K, V, KI, VI> | undefined

  private constructor(handle: MapHandle, view: () => MapView<K, V, KI, VI>, shared: Shared = {}) {
    this.#handle = handle
    this.#view = view
    this.#shared = shared
  }

  /**
   * Creates a map, fills it with its contents and freezes it, as the spec says. When the spec asks for a pin
   * (`pinning: 'by_name'` or `pinPath`) and it is there, it is opened instead.
   *
   * @throws BpfError when the kernel refuses; the message says what is wrong with the spec, where that can be known
   * @throws BpfError `ERR_MAP_INCOMPATIBLE` when another kind of map is pinned at its place
   * @throws RangeError or TypeError when the spec is wrong in itself
   */
  static create(
    spec: MapSpec & { type: PerCpuMapType },
    options?: CreateMapOptions,
  ): BpfMap<Uint8Array, Uint8Array[], Uint8Array, readonly Uint8Array[]>
  static create(
    spec: MapSpec & { type: MapOfMapsType },
    options?: CreateMapOptions,
  ): BpfMap<Uint8Array, BpfMap<Uint8Array, unknown>, Uint8Array, BpfMap<unknown, unknown>>
  static create(spec: MapSpec & { type: PlainMapType }, options?: CreateMapOptions): BpfMap
  static create(spec: MapSpec, options?: CreateMapOptions): BpfMap<Uint8Array, unknown>
  static create(spec: MapSpec, options: CreateMapOptions = {}): BpfMap<Uint8Array, unknown> {
    return BpfMap.#raw(createMap(spec, options))
  }

  /**
   * As `create`, for one step of several.
   *
   * @param onPin is given what takes a new pin back, with the directories that were made for it
   *
   * @internal
   */
  static createStep(
    spec: MapSpec,
    options: CreateMapOptions,
    onPin: (made: Disposable) => void,
  ): BpfMap<Uint8Array, unknown> {
    return BpfMap.#raw(createMap(spec, options, onPin))
  }

  /**
   * Takes over a file descriptor of a map; `close` will close it. Since Linux 4.13.
   *
   * @throws RangeError when it is not an integer from 0 to 2^31 - 1
   * @throws BpfError `EBADF` when it is not open; `ERR_NOT_A_MAP` when it is something else, which is closed then
   */
  static fromFd(fd: number): BpfMap<Uint8Array, unknown> {
    return BpfMap.#opener.fromFd(fd)
  }

  /**
   * Opens a map by id. Since Linux 4.13, needs CAP_SYS_ADMIN.
   *
   * @throws RangeError when it is not an integer from 1 to 2^32 - 1
   * @throws BpfError `ENOENT` when no map has it
   */
  static fromId(id: number): BpfMap<Uint8Array, unknown> {
    return BpfMap.#opener.fromId(id)
  }

  /**
   * Opens a pinned map. Since Linux 4.4.
   *
   * @throws BpfError `ENOENT` when nothing is pinned there, `ERR_PIN_KIND` when it is another kind of object
   */
  static loadPinned(path: string, options: OpenPinOptions = {}): BpfMap<Uint8Array, unknown> {
    return BpfMap.#opener.loadPinned(path, options)
  }

  /**
   * Every map in the kernel, in the order of their ids; each must be closed by the caller. Since Linux 4.13, needs
   * CAP_SYS_ADMIN.
   *
   * @throws BpfError `EPERM` when this process may not list them
   */
  static list(): Generator<BpfMap<Uint8Array, unknown>, undefined> {
    return BpfMap.#opener.list()
  }

  static #opened(fd: OwnedFd): BpfMap<Uint8Array, unknown> {
    const info = readMapInfo(fd.fd)
    return BpfMap.#raw(new MapHandle(fd, info, { id: info.id }))
  }

  static #raw(handle: MapHandle): BpfMap<Uint8Array, unknown> {
    return new BpfMap(handle, () => rawView(handle, innerMap))
  }

  /** Name: that of its spec, or the 15 bytes that the kernel kept. */
  get name(): string {
    return this.#handle.facts.name
  }

  /** Map type. */
  get type(): MapType | number {
    return this.#handle.facts.type
  }

  /** Bytes of a key; 0 where the type has none. */
  get keySize(): number {
    return this.#handle.facts.keySize
  }

  /** Bytes of a value; of one CPU's value in a per-CPU map. */
  get valueSize(): number {
    return this.#handle.facts.valueSize
  }

  /** Greatest number of elements; bytes of a ring buffer. */
  get maxEntries(): number {
    return this.#handle.facts.maxEntries
  }

  /** `BPF_F_*` flags of map creation. */
  get flags(): number {
    return this.#handle.facts.flags
  }

  /** What it was created from; `undefined` for a map that was opened by id, descriptor or pin. */
  get spec(): MapSpec | undefined {
    return this.#handle.spec
  }

  /** Id, unique until the next boot. Since Linux 4.13. */
  get id(): number {
    return this.#handle.id
  }

  /** The file descriptor; owned by this object. Throws `ERR_CLOSED` after `close`. */
  get fd(): number {
    return this.#handle.fd.fd
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#handle.fd.closed
  }

  /** What the kernel says of it. Since Linux 4.13. */
  info(): MapInfo {
    return readMapInfo(this.fd)
  }

  /**
   * The same map as bytes, as system calls pass them: the value of a per-CPU map is those of all possible CPUs in a row,
   * each padded to 8 bytes, and that of a map of maps is an id. It shares the descriptor: closing one closes both.
   */
  bytes(): BpfMap {
    return new BpfMap(this.#handle, () => byteView(this.#handle), this.#shared)
  }

  /**
   * The same map seen through codecs. It shares the descriptor: closing one closes both.
   *
   * Values of per-CPU maps need `perCpu(codec)`. For a Bloom filter both codecs are that of its elements; for queues
   * and stacks, see {@link BpfMap.typedValues}.
   *
   * @throws RangeError when a codec has another size than the map
   */
  typed<K2, V2, KI2 = K2, VI2 = V2>(keys: Codec<K2, KI2>, values: Codec<V2, VI2>): BpfMap<K2, V2, KI2, VI2> {
    const typed = new BpfMap(this.#handle, () => ({ keys, values }), this.#shared)
    typed.#see()
    return typed
  }

  /** The same queue or stack seen through a codec; as {@link BpfMap.typed}. */
  typedValues<V2, VI2 = V2>(values: Codec<V2, VI2>): BpfMap<undefined, V2, undefined, VI2> {
    return this.typed(noKey, values)
  }

  /**
   * The same map seen through its BTF: that of its spec, or that which it was loaded with (Linux 4.18). Structs are
   * objects, 64-bit integers bigints, as `btfCodec` has them; keys of arrays are numbers in any case. The type arguments
   * say what the BTF says, and are not checked.
   *
   * @throws BpfError `ERR_NO_BTF` when the types of its keys or values are not known. With `untyped: 'bytes'` these are
   *   bytes instead, and what is thrown otherwise is thrown at the first use
   * @throws RangeError when a type has another size than the map
   */
  decoded<K2 = unknown, V2 = unknown>(
    options: DecodedOptions = {},
  ): BpfMap<K2, V2, BtfInput<K2>, BtfInput<V2>> {
    const view = (): MapView<unknown, unknown> => decodedView(this.#handle, BpfMap.#decodedInner, options)
    const decoded = new BpfMap(this.#handle, view, this.#shared)
    if (options.untyped !== 'bytes') decoded.#see()
    return decoded as BpfMap<unknown, unknown> as BpfMap<K2, V2, BtfInput<K2>, BtfInput<V2>>
  }

  /** Values of a map of maps whose inner maps are decoded: through the types of their template, where it is known. */
  static #decodedInner(template: MapSpec | undefined, options: DecodedOptions): Codec<unknown> {
    let view: MapView<unknown, unknown> | undefined
    return {
      ...innerMap,
      decode(memory, offset) {
        const handle = innerMap.decode(memory, offset).#handle
        const viewOf = (): MapView<unknown, unknown> =>
          decodedView(handle, BpfMap.#decodedInner, options, template)
        // Inner maps of one template have one type.
        return new BpfMap(handle, template === undefined ? viewOf : () => (view ??= viewOf()))
      },
    }
  }

  /** No getter: V8 calls its runtime for a private one, which takes 15 ns. */
  #elements(): Elements<K, V, KI, VI> {
    return this.#seen ?? this.#see()
  }

  #see(): Elements<K, V, KI, VI> {
    const { facts, mapKind, valueBytes } = this.#handle
    const view = this.#view()
    this.#checkCodec('key', view.keys.size, mapKind.elements === 'filter' ? facts.valueSize : facts.keySize)
    this.#checkCodec('value', view.values.size, valueBytes)
    this.#seen = new Elements(this.#handle, view)
    return this.#seen
  }

  #checkCodec(what: 'key' | 'value', size: number, needed: number): void {
    if (size === needed) return
    const { facts, mapKind } = this.#handle
    const forgotten =
      what === 'value' && mapKind.values === 'per_cpu' && perCpuStride(size) === perCpuStride(facts.valueSize)
    const hint = forgotten ? '; wrap it in perCpu()' : ''
    throw new RangeError(
      `Cannot type ${describeMap(facts)}: the ${what} codec has ${size} bytes, the map needs ${needed}${hint}`,
    )
  }

  /**
   * The value of a key; `undefined` when the map does not have it. From a map of maps it is a new map, which the caller closes;
   * from an array of programs, the raw id of the program.
   */
  get(key: KI, options?: LookupOptions): V | undefined {
    return this.#elements().get(key, options)
  }

  /** Whether the map has a key; for a Bloom filter (5.16), whether the element may have been pushed. */
  has(key: KI): boolean {
    return this.#elements().has(key)
  }

  /**
   * Sets the value of a key. Maps of programs, maps, sockets or perf events take whatever owns a descriptor.
   *
   * @throws BpfError `EEXIST` or `ENOENT` as the mode says, `E2BIG` when the map is full or the index too large
   */
  set(key: KI, value: VI | DescriptorOwner, options?: UpdateMode | MapUpdateOptions): this {
    this.#elements().set(key, value, options)
    return this
  }

  /**
   * Deletes a key; `false` when there was none.
   *
   * @throws BpfError `EINVAL` for arrays, whose elements cannot be deleted
   */
  delete(key: KI): boolean {
    return this.#elements().delete(key)
  }

  /** Reads and deletes at once; `undefined` when the map does not have the key (5.14). */
  getAndDelete(key: KI, options?: LookupOptions): V | undefined {
    return this.#elements().getAndDelete(key, options)
  }

  /** The key after `key` in the order of the kernel, or the first without one; `undefined` after the last. */
  nextKey(key?: KI): K | undefined {
    return this.#elements().nextKey(key)
  }

  /**
   * Adds an element to a queue, a stack (4.20) or a Bloom filter (5.16). With mode `'exist'`, a full queue or stack
   * loses its oldest element to it.
   *
   * @throws BpfError `E2BIG` when it is full
   */
  push(value: VI, options?: UpdateMode | MapUpdateOptions): this {
    push(this.#elements(), value, options)
    return this
  }

  /** Takes an element off: the oldest of a queue, the latest of a stack; `undefined` when it is empty (4.20). */
  pop(): V | undefined {
    return pop(this.#elements())
  }

  /** Reads the element that `pop` would take; `undefined` when it is empty (4.20). */
  peek(): V | undefined {
    return peek(this.#elements())
  }

  /** The values of one CPU in a per-CPU map, of which `TypeError` says that it is not one. Since Linux 7.0. */
  ofCpu(cpu: number): OneCpuValues<K, ValueOfCpu<V>, KI, ValueOfCpu<VI>> {
    return valuesOfCpu(this.#elements(), cpu)
  }

  /** As `ofCpu`, for a value that every CPU gets. Since Linux 7.0. */
  ofAllCpus(): AllCpuValues<KI, ValueOfCpu<VI>> {
    return valuesOfCpu(this.#elements(), 'all')
  }

  /** The keys. {@link BpfMap.entries} says what happens when the map changes meanwhile, and what is thrown. */
  keys(): MapWalk<K> {
    const { keyCodec } = this.#elements()
    return walk(this.#handle, (keys, offset) => keyCodec.decode(keys, offset), false)
  }

  /** The values, as {@link BpfMap.entries}. */
  values(): MapWalk<V> {
    const { valueCodec } = this.#elements()
    return walk(this.#handle, (_keys, _offset, values, offset) => valueCodec.decode(values, offset), true)
  }

  /**
   * Keys and values, read many at once where the kernel can (5.6). The map may be changed meanwhile, by this loop,
   * by programs or by others: an element that comes or goes is seen or not, and a value is as old as its batch, of 64 KiB.
   * Deleting the current key is always safe. A map that is closed meanwhile ends the loop with `ERR_CLOSED` at the next
   * batch.
   *
   * @throws TypeError when the map has no keys
   * @throws BpfError `ERR_ITERATION_ABORTED` when it changes so fast that the walk does not end
   */
  entries(): MapWalk<[K, V]> {
    const { keyCodec, valueCodec } = this.#elements()
    return walk<[K, V]>(
      this.#handle,
      (keys, keyOffset, values, valueOffset) => [
        keyCodec.decode(keys, keyOffset),
        valueCodec.decode(values, valueOffset),
      ],
      true,
    )
  }

  [Symbol.iterator](): MapWalk<[K, V]> {
    return this.entries()
  }

  /** Deletes every element; the values of an array become zeros. */
  clear(): void {
    clearMap(this.#handle)
  }

  /**
   * Reads all elements, many per system call (5.6). Each batch has at most `size` elements, more where a single
   * bucket of a hash map holds more.
   *
   * @throws NotSupportedError when the kernel cannot read maps of this type in batches
   */
  getBatch(size?: number): Generator<[K, V][], undefined> {
    return readBatches(this.#elements(), 'map_lookup_batch', size)
  }

  /** Reads and deletes all elements, many per system call (5.6, hash maps only); as {@link BpfMap.getBatch}. */
  getAndDeleteBatch(size?: number): Generator<[K, V][], undefined> {
    return readBatches(this.#elements(), 'map_lookup_and_delete_batch', size)
  }

  /**
   * Sets many elements per system call (5.6), those that exist too: batches know no update mode.
   *
   * @returns how many were set
   * @throws NotSupportedError when the kernel cannot write maps of this type in batches
   * @throws BpfError when one is refused; those before it are set
   */
  setBatch(entries: Iterable<readonly [KI, VI]>, options?: LookupOptions): number {
    return setBatch(this.#elements(), entries, options)
  }

  /**
   * Deletes many keys per system call (5.6); keys that are not there are passed over.
   *
   * @returns how many were deleted
   * @throws NotSupportedError when the kernel cannot delete from maps of this type in batches
   */
  deleteBatch(keys: Iterable<KI>): number {
    return deleteBatch(this.#elements(), keys)
  }

  /**
   * The values of an array as memory (5.5), the same at every call; `undefined` when it was not created with
   * `BPF_F_MMAPABLE`. Reads zeros once the map is closed.
   */
  memory(): MapMemory | undefined {
    this.#shared.memory ??= mapMemory(this.#handle)
    this.#shared.memory?.refresh()
    return this.#shared.memory
  }

  /** The memory of an arena (6.9). Throws `ERR_NOT_MAPPED` when it was not created here, `TypeError` when it is not an arena. */
  arena(): ArenaMemory {
    return arenaMemory(this.#handle)
  }

  /**
   * Takes the write access of user space away, for good (5.2).
   *
   * @throws BpfError `EBUSY` while its memory is mapped for writing, `EPERM` when it is frozen already
   */
  freeze(): void {
    freezeMap(this.#handle)
  }

  /** Pins it at a path on a bpffs, where it outlives the process. Since Linux 4.4. */
  pin(path: string, options: PinOptions = {}): void {
    this.#handle.pin(path, describeMap(this.#handle.facts), options)
  }

  /** Removes a pin; the map itself stays while it is in use. */
  unpin(path: string): void {
    unpinPath(path)
  }

  /** A second handle of the same map, which is closed on its own. */
  clone(): BpfMap<K, V, KI, VI> {
    const { fd, facts, spec } = this.#handle
    const handle = new MapHandle(fd.duplicate(), facts, { spec })
    shareArena(this.#handle, handle)
    return new BpfMap(handle, this.#view)
  }

  /** Closes the file descriptor, and with it every view of this handle. Idempotent. */
  close(): void {
    this.#handle.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** Values of maps of maps. */
const innerMap = innerMapCodec(
  id => BpfMap.fromId(id),
  (value): value is BpfMap<unknown, unknown> => value instanceof BpfMap,
)
