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
import { RingBuffer } from '../readers/ring-buffer.ts'
import { type Attachments, type AttachOptions, attachAll } from './attach.ts'
import { Cleanup } from './cleanup.ts'
import { type CollectionOptions, fillPrograms, type Prepared, prepare } from './load.ts'
import { Named } from './named.ts'
import type { CollectionSpec } from './spec.ts'
import { type StructOpsImage, structOpsValue } from './struct-ops.ts'
import { Variable } from './variable.ts'

/**
 * The kernel objects of a collection. Closing it closes maps and programs; what is pinned or still attached
 * through a link stays in the kernel.
 */
export class Collection implements Disposable {
  /** What it was loaded from. */
  readonly spec: CollectionSpec
  /**
   * Maps by name, data sections by the name of the section (`'.bss'`). They are seen through BTF, where the type of keys
   * or values is not known as bytes; `bytes()` of a map gives it as bytes.
   */
  readonly maps: Named<BpfMap<unknown, unknown>>
  /** Programs by name; those with `autoload: false` are left out. */
  readonly programs: Named<Program>
  /** Global variables by name. */
  readonly variables: Named<Variable>
  readonly #structOps: ReadonlyMap<string, StructOpsImage>
  #closed = false

  private constructor(spec: CollectionSpec, prepared: Prepared, programs: Map<string, Program>) {
    this.spec = spec
    this.maps = new Named(
      'map',
      [...prepared.maps].map(([name, map]) => [name, map.decoded({ untyped: 'bytes' })] as const),
    )
    this.programs = new Named('program', programs)
    this.variables = new Named('variable')
    this.#structOps = prepared.structOps.images
    for (const [name, variable] of spec.variables) {
      const map = prepared.maps.get(variable.sectionName)
      if (map !== undefined) this.variables.set(name, new Variable(variable, map))
    }
  }

  /**
   * Creates all maps and loads all programs of a spec. The spec stays as it is, and can be loaded again.
   * When any step fails, nothing stays behind.
   *
   * @throws VerifierError when the verifier refuses a program
   * @throws NotSupportedError when the kernel lacks something that the object needs
   * @throws BpfError for everything else, such as a missing capability
   */
  static load(spec: CollectionSpec, options: CollectionOptions = {}): Collection {
    using cleanup = new Cleanup()
    const prepared = prepare(spec, options, cleanup)
    const programs = new Map<string, Program>()
    for (const [name, program, loadOptions] of prepared.programs) {
      programs.set(name, cleanup.add(Program.loadPrepared(program, loadOptions)))
    }
    return Collection.#finish(spec, prepared, programs, cleanup)
  }

  /** Does what `load` does, with the verifier at work on a worker thread. */
  static async loadAsync(spec: CollectionSpec, options: CollectionOptions = {}): Promise<Collection> {
    using cleanup = new Cleanup()
    const prepared = prepare(spec, options, cleanup)
    const programs = new Map<string, Program>()
    for (const [name, program, loadOptions] of prepared.programs) {
      programs.set(name, cleanup.add(await Program.loadPreparedAsync(program, loadOptions)))
    }
    return Collection.#finish(spec, prepared, programs, cleanup)
  }

  static #finish(
    spec: CollectionSpec,
    prepared: Prepared,
    programs: Map<string, Program>,
    cleanup: Cleanup,
  ): Collection {
    fillPrograms(spec, prepared.maps, programs)
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
      map: this.maps.get(name),
      programs: slots.map(({ program }) => program),
      attach: () => this.attachStructOps(name),
    }))
    return attachAll(this.programs.values(), maps, options)
  }

  /**
   * Attaches the programs of a `struct_ops` map, by registering its operations (5.6); as `structOps` does.
   *
   * @param name name of the map
   * @throws BpfError `ERR_INVALID_SPEC` when it is no such map, or one of its programs is not loaded
   */
  attachStructOps(name: string): Link {
    this.#check()
    const map = this.maps.get(name)
    const image = this.#structOps.get(name)
    if (image === undefined)
      throw new BpfError(`Cannot attach map ${name}: it is no struct_ops map`, { code: 'ERR_INVALID_SPEC' })
    const fdOf = (program: string): number | undefined =>
      this.programs.has(program) ? this.programs.get(program).fd : undefined
    return structOps(map, structOpsValue(image, fdOf))
  }

  /**
   * A reader of a ring buffer map. Its records decode through the value type of the map's definition.
   *
   * @param name name of the map
   * @param options.codec decodes records, instead of the map's own type
   */
  ringBuffer(name: string, options: { codec?: Codec<unknown> } = {}): RingBuffer {
    this.#check()
    return RingBuffer.open(this.maps.get(name), options)
  }

  #check(): void {
    if (this.#closed) throw new BpfError('The collection is closed', { code: 'ERR_CLOSED' })
  }

  /** Closes all maps and programs. Links, readers and pins keep what they need. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const program of this.programs.values()) program.close()
    for (const map of this.maps.values()) map.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
