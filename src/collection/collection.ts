/**
 * A loaded object: its maps, programs and variables in the kernel.
 *
 * @module
 */

import type { Codec } from '../base/codec.ts'
import { BpfError } from '../base/errors.ts'
import { structOps } from '../links/hooks/struct-ops/struct-ops.ts'
import type { Link } from '../links/link.ts'
import type { BpfMap } from '../maps/map.ts'
import { Program } from '../programs/program.ts'
import { openPerfBuffer } from '../readers/perf/open-perf-buffer.ts'
import type { PerfBuffer, PerfBufferOptions } from '../readers/perf/perf-buffer.ts'
import type { RingRecord } from '../readers/record.ts'
import { RingBuffer, type RingBufferOptions } from '../readers/ring-buffer.ts'
import { type Attachments, type AttachOptions, attachAll } from './attach.ts'
import { Cleanup } from './cleanup.ts'
import { bindConstants, fillPrograms } from './finish.ts'
import { type CollectionOptions, type Prepared, prepare } from './load.ts'
import { Named, type NamedTypes } from './named.ts'
import { type CollectionRecordsOptions, OwnReaders } from './own-readers.ts'
import type {
  CollectionShape,
  ShapeMapNames,
  ShapeMaps,
  ShapeNames,
  ShapeReaderRecord,
  ShapeRecord,
  ShapeVariables,
} from './shape.ts'
import type { CollectionSpec } from './spec.ts'
import { type StructOpsImage, structOpsValue } from './struct-ops.ts'
import { Variable } from './variable.ts'
import type { VariableSpec } from './variable-spec.ts'

/**
 * The kernel objects of a collection. Closing it closes maps and programs; what is pinned or still attached
 * through a link stays in the kernel.
 *
 * @typeParam S its maps, programs and variables, for the compiler; see {@link CollectionShape}
 */
export class Collection<S extends CollectionShape = CollectionShape> implements Disposable {
  /** What it was loaded from. */
  readonly spec: CollectionSpec<S>
  /**
   * Maps by name, data sections by the name of the section (`'.bss'`). Keys and values are seen through BTF, as bytes
   * where their type is not known; `bytes()` of a map gives it as bytes in any case.
   */
  readonly maps: NamedTypes<ShapeMaps<S>>
  /** Programs by name; those with `autoload: false` are left out. */
  readonly programs: Named<Program, ShapeNames<S, 'programs'>>
  /** Global variables by name. */
  readonly variables: NamedTypes<ShapeVariables<S>>
  readonly #maps: Named<BpfMap<unknown, unknown>>
  readonly #structOps: ReadonlyMap<string, StructOpsImage>
  readonly #readers = new OwnReaders()
  #closed = false

  private constructor(spec: CollectionSpec<S>, prepared: Prepared, programs: Map<string, Program>) {
    this.spec = spec
    this.#maps = new Named('map')
    for (const [name, map] of prepared.maps) this.#maps.set(name, map.decoded({ untyped: 'bytes' }))
    this.#structOps = prepared.structOps.images
    const variables = new Named<Variable>('variable')
    const specs: Named<VariableSpec> = spec.variables
    for (const [name, variable] of specs) {
      const map = prepared.maps.get(variable.sectionName)
      if (map !== undefined) variables.set(name, new Variable(variable, map))
    }
    // The shape says that the object has these names and types.
    this.maps = this.#maps as NamedTypes<object> as NamedTypes<ShapeMaps<S>>
    this.programs = new Named('program', programs)
    this.variables = variables as NamedTypes<object> as NamedTypes<ShapeVariables<S>>
  }

  /**
   * Creates all maps and loads all programs of a spec. The spec stays as it is, and can be loaded again.
   * When any step fails, nothing stays behind.
   *
   * @throws VerifierError when the verifier refuses a program
   * @throws NotSupportedError when the kernel lacks something that the object needs
   * @throws BpfError for everything else, such as a missing capability
   */
  static load<S extends CollectionShape>(
    spec: CollectionSpec<S>,
    options: CollectionOptions<NoInfer<S>> = {},
  ): Collection<S> {
    using cleanup = new Cleanup()
    const prepared = prepare(spec, options, cleanup)
    const programs = new Map<string, Program>()
    for (const [name, program, loadOptions] of prepared.programs) {
      programs.set(name, cleanup.add(Program.loadPrepared(program, loadOptions)))
    }
    return Collection.#finish(spec, prepared, programs, cleanup)
  }

  /**
   * Does what `load` does, with the verifier at work on a thread of libuv's pool; as {@link Program.loadAsync}. Maps that the
   * options name may be closed meanwhile.
   */
  static async loadAsync<S extends CollectionShape>(
    spec: CollectionSpec<S>,
    options: CollectionOptions<NoInfer<S>> = {},
  ): Promise<Collection<S>> {
    using cleanup = new Cleanup()
    const prepared = prepare(spec, options, cleanup)
    const programs = new Map<string, Program>()
    for (const [name, program, loadOptions] of prepared.programs) {
      programs.set(name, cleanup.add(await Program.loadPreparedAsync(program, loadOptions)))
    }
    return Collection.#finish(spec, prepared, programs, cleanup)
  }

  static #finish<S extends CollectionShape>(
    spec: CollectionSpec<S>,
    prepared: Prepared,
    programs: Map<string, Program>,
    cleanup: Cleanup,
  ): Collection<S> {
    fillPrograms(spec, prepared.maps, programs)
    bindConstants(prepared.maps, programs, prepared.unusedConstants)
    const collection = new Collection(spec, prepared, programs)
    cleanup.release()
    // The kernel keeps the BTF for as long as maps and programs use it.
    prepared.types?.close()
    prepared.externs[Symbol.dispose]()
    prepared.structOps[Symbol.dispose]()
    return collection
  }

  /**
   * Attaches every program by its section name, and every `struct_ops` map.
   *
   * @throws BpfError when a program cannot be attached; those attached before are detached again. With
   *   `onError: 'collect'` the reasons are in `skipped` instead
   */
  attach(options: AttachOptions = {}): Attachments {
    this.#check()
    const maps = [...this.#structOps].map(([name, { slots }]) => ({
      map: this.#maps.get(name),
      programs: slots.map(({ program }) => program),
      attach: () => this.#attachStructOps(name),
    }))
    return attachAll(this.programs.values(), maps, options)
  }

  /**
   * Attaches the programs of a `struct_ops` map, by registering its operations (5.6); as `structOps` does.
   *
   * @param name name of the map
   * @throws BpfError `ERR_INVALID_SPEC` when it is another kind of map, or one of its programs is not loaded
   */
  attachStructOps(name: ShapeMapNames<S, 'struct_ops'>): Link {
    this.#check()
    return this.#attachStructOps(name)
  }

  #attachStructOps(name: string): Link {
    const map = this.#maps.get(name)
    const image = this.#structOps.get(name)
    if (image === undefined)
      throw new BpfError(`Cannot attach map ${name}: not a struct_ops map`, { code: 'ERR_INVALID_SPEC' })
    const programs: Named<Program> = this.programs
    const fdOf = (program: string): number | undefined =>
      programs.has(program) ? programs.get(program).fd : undefined
    return structOps(map, structOpsValue(image, fdOf))
  }

  /**
   * Iterates over the records of a ring buffer or perf buffer, decoded as the object says; as `RingBuffer.records`. The
   * reader is the collection's, one for each map: several loops share the records, leaving a loop loses none, and closing
   * the collection ends them all.
   *
   * @param name name of the map
   * @param options.codec decodes the records instead; the same in all calls for a map
   * @param options.pages those of the call that opens the reader, the first one for a map
   * @throws BpfError `ERR_BUSY` when the map is being read with another codec or other pages; what `RingBuffer.open` or
   *   `PerfBuffer.open` throws
   * @throws TypeError when `onLost` or `pages` is given for a ring buffer, or the map is neither
   *
   * @example
   * const onLost = (cpu: number, count: number) => console.warn(`CPU ${cpu}: ${count} lost`)
   * for await (const { value } of collection.records('events', { signal, onLost })) console.log(value)
   */
  records<T, N extends ShapeMapNames<S, 'ringbuf' | 'perf_event_array'>>(
    name: N,
    options: CollectionRecordsOptions<T> & { codec: Codec<T, never> },
  ): AsyncIterableIterator<ShapeReaderRecord<S, N, T>, undefined>
  records<N extends ShapeMapNames<S, 'ringbuf' | 'perf_event_array'>>(
    name: N,
    options?: CollectionRecordsOptions,
  ): AsyncIterableIterator<ShapeReaderRecord<S, N, ShapeRecord<S, N>>, undefined>
  records(
    name: string,
    options: CollectionRecordsOptions = {},
  ): AsyncIterableIterator<RingRecord<unknown>, undefined> {
    this.#check()
    return this.#readers.records(name, this.#maps.get(name), options)
  }

  /**
   * A reader of one or several ring buffers, which the caller closes: for `drain`, or one loop over several maps. Its
   * records are decoded as the maps' definitions say. Only one reader of a map may be open at a time.
   *
   * @param names name of the map, or names
   * @param options.codec decodes the records instead
   */
  ringBuffer<T>(
    names: ShapeMapNames<S, 'ringbuf'> | readonly ShapeMapNames<S, 'ringbuf'>[],
    options: RingBufferOptions<T> & { codec: Codec<T, never> },
  ): RingBuffer<T>
  ringBuffer<N extends ShapeMapNames<S, 'ringbuf'>>(
    names: N | readonly N[],
    options?: RingBufferOptions,
  ): RingBuffer<ShapeRecord<S, N>>
  ringBuffer(names: string | readonly string[], options: RingBufferOptions = {}): RingBuffer {
    this.#check()
    const list = typeof names === 'string' ? [names] : names
    return RingBuffer.open(
      list.map(name => this.#maps.get(name)),
      options,
    )
  }

  /**
   * A reader of one or several perf buffers, which the caller closes: for `drain`, for losses, or one loop over several
   * maps. Its records are decoded as the object says. Only one reader of a map may be open at a time.
   *
   * @param names name of the map, or names
   * @param options.codec decodes the records instead
   */
  perfBuffer<T>(
    names: ShapeMapNames<S, 'perf_event_array'> | readonly ShapeMapNames<S, 'perf_event_array'>[],
    options: PerfBufferOptions<T> & { codec: Codec<T, never> },
  ): PerfBuffer<T>
  perfBuffer<N extends ShapeMapNames<S, 'perf_event_array'>>(
    names: N | readonly N[],
    options?: PerfBufferOptions,
  ): PerfBuffer<ShapeRecord<S, N>>
  perfBuffer(names: string | readonly string[], options: PerfBufferOptions = {}): PerfBuffer {
    this.#check()
    const list = typeof names === 'string' ? [names] : names
    return openPerfBuffer(
      list.map(name => this.#maps.get(name)),
      options,
    )
  }

  #check(): void {
    if (this.#closed) throw new BpfError('The collection is closed', { code: 'ERR_CLOSED' })
  }

  /**
   * Closes all maps and programs, and ends the iterations of `records`. Links, pins and readers of `ringBuffer` keep what
   * they need.
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    // Closes all of them, also past one that fails.
    using cleanup = new Cleanup()
    for (const reader of this.#readers) cleanup.add(reader)
    for (const map of this.#maps.values()) cleanup.add(map)
    for (const program of this.programs.values()) cleanup.add(program)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
