/**
 * The functions of a running process: of its program, its libraries, the vdso, and of code that was compiled at run time.
 *
 * @module
 */

import { BpfError, closedError } from '../../base/errors.ts'
import { memorySource } from '../../elf/source.ts'
import { OpenFile, readRegularFile } from '../../kernel/read-file.ts'
import type { FileCache } from '../files/file-cache.ts'
import type { FunctionAt } from '../files/function-source.ts'
import { type DebugFilePlaces, SymbolFile } from '../files/symbol-file.ts'
import type { StackFrame } from '../frame.ts'
import { Age } from './age.ts'
import type { FrameCache, KnownFrames } from './frame-cache.ts'
import { type Mapping, mappingAt, parseMappings } from './mappings.ts'
import { openMapping, rootIdentity, rootOf } from './open-mapping.ts'
import { PerfMap, type PerfMapMemory } from './perf-map.ts'
import { type ProcessIdentity, processExists, readIdentity, readStartTime } from './status.ts'

/** Bytes of `/proc/PID/maps` at most: the kernel allows a process some 65,000 mappings, root may allow more. */
const MAX_MAPS = 256 << 20
/** Bytes of a vdso at most; it has one or two pages. */
const MAX_VDSO = 1 << 20
const VDSO = '[vdso]'
const JIT = '[jit]'
/** Addresses that a number holds exactly. */
const MAX_ADDRESS = BigInt(Number.MAX_SAFE_INTEGER)

/** What processes share. */
export interface ProcessContext {
  readonly files: FileCache
  readonly frames: FrameCache
  readonly perfMaps: PerfMapMemory
  readonly debugDirectories: readonly string[]
  readonly demangle: (name: string) => string
  /** Is called when a process is closed. */
  readonly onClose: (closed: ProcessSymbols) => void
}

/**
 * The functions of one process. Its mappings are read at once, its files when an address in them is asked for; mappings that
 * come later, as those of `dlopen`, are found at the next look-up that misses them. What was opened stays so when the process
 * ends; {@link ProcessSymbols.hold} opens all.
 */
export class ProcessSymbols implements Disposable {
  /** Id of the process, or of a thread of it. */
  readonly pid: number
  readonly #context: ProcessContext
  readonly #identity: ProcessIdentity
  readonly #places: Required<DebugFilePlaces>
  readonly #mapsAge = new Age()
  readonly #startAge = new Age()
  #mappings: readonly Mapping[]
  /** By device and inode; `undefined` for what cannot be read, or is not ELF. */
  readonly #files = new Map<string, SymbolFile | undefined>()
  readonly #problems = new Map<string, BpfError>()
  /** Frames that do not change while the mappings are the same. */
  readonly #frames: KnownFrames = new Map()
  #vdso: SymbolFile | undefined
  #perfMap: PerfMap | undefined
  readonly #perfMapAge = new Age()
  #held = false
  #gone = false
  #closed = false

  /**
   * @internal
   *
   * @throws BpfError with code `ESRCH` when the process does not exist, `EACCES` or `EPERM` when this one may not look at it
   */
  constructor(pid: number, context: ProcessContext) {
    const identity = readIdentity(pid)
    if (identity === undefined) throw missing(pid)
    this.pid = pid
    this.#context = context
    this.#identity = identity
    const root = rootOf(pid)
    this.#places = { directories: context.debugDirectories, root, rootIdentity: rootIdentity(pid, root) }
    this.#mappings = readMappings(pid)
    this.#mapsAge.isOld()
    this.#startAge.isOld()
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** Whether {@link ProcessSymbols.hold} was called. */
  get held(): boolean {
    return this.#held
  }

  /**
   * Why some files have no names: what cannot be opened or is damaged, by path. Files are looked at when an address in them
   * is asked for.
   */
  get problems(): ReadonlyMap<string, BpfError> {
    const problems = new Map(this.#problems)
    for (const file of this.#files.values()) {
      if (file?.problem !== undefined && !file.closed) problems.set(file.path, file.problem)
    }
    const problem = this.#perfMap?.problem
    if (problem !== undefined) problems.set(this.#perfMap!.path, problem)
    return problems
  }

  /**
   * Opens all files that may be executed and their debug files, and reads the vdso and the perf map: from now on, frames are
   * those of this moment, whether the process goes on or ends. Another call takes those of a later one.
   *
   * @throws BpfError with code `ERR_CLOSED` after `close`
   */
  hold(): this {
    this.#requireOpen()
    this.#held = false
    this.refresh()
    for (const mapping of this.#mappings) {
      if (mapping.path === VDSO) this.#openVdso(mapping)
      else if (mapping.inode !== 0n) this.#holdFile(mapping)
    }
    this.#ofPerfMap(map => map.hold())
    this.#held = true
    return this
  }

  /**
   * Reads the mappings again. The mappings of a process that has ended stay what they were.
   *
   * @returns whether the process still exists
   * @throws BpfError with code `ERR_CLOSED` after `close`
   */
  refresh(): boolean {
    this.#requireOpen()
    if (this.#gone || readStartTime(this.pid) !== this.#identity.startTime) {
      this.#gone = true
      return false
    }
    try {
      const mappings = readMappings(this.pid)
      // A process that has just ended has no mappings.
      if (mappings.length > 0) {
        this.#mappings = mappings
        this.#context.frames.clear(this.#frames)
      }
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
    }
    return true
  }

  /** @internal When the process started: with its id, which process it is. */
  get startTime(): string {
    return this.#identity.startTime
  }

  /** @internal Whether the id is that of another process by now. */
  get replaced(): boolean {
    if (!this.#startAge.isOld()) return false
    const startTime = readStartTime(this.pid)
    if (startTime === undefined) this.#gone = true
    return startTime !== undefined && startTime !== this.#identity.startTime
  }

  /**
   * What stands for this moment in {@link ProcessSymbols.at}: how much the process has written to its perf map; 0 without one.
   *
   * @throws BpfError with code `ERR_CLOSED` after `close`
   */
  moment(): number {
    this.#requireOpen()
    return this.#ofPerfMap(map => map.moment()) ?? 0
  }

  /** Whether the process has written a perf map, which names code that was compiled at run time. */
  get hasPerfMap(): boolean {
    return this.#perfMap !== undefined
  }

  /**
   * What is known of an address. Where a function calls, its return address may already be behind it:
   * `Symbolizer.stack` knows, this does not.
   *
   * @param moment as {@link ProcessSymbols.moment} returned it, for an address of that time: memory of code that was compiled at
   *   run time is used again. What was compiled since is named where nothing was known then. Default: now
   * @throws BpfError with code `ERR_CLOSED` after `close`
   */
  at(address: bigint, moment?: number): StackFrame {
    if (this.#closed) this.#requireOpen()
    if (address < 0n || address > MAX_ADDRESS) return unknown(address, undefined)
    const at = Number(address)
    const known = this.#frames.get(at)
    if (known !== undefined) return known
    const mapping = this.#mappingAt(at)
    if (mapping === undefined) return unknown(address, undefined)
    const file = mapping.path === VDSO ? this.#openVdso(mapping) : this.#fileOf(mapping)
    if (file === undefined) return this.#compiled(address, at, mapping, moment)
    this.#context.files.use(file)
    const inFile = file.addressAt(at - mapping.start + mapping.offset)
    const found = inFile === undefined ? undefined : file.find(inFile)
    const frame =
      found === undefined
        ? unknown(address, mapping.path)
        : this.#named(address, found, inFile! - found.start, mapping.path)
    this.#context.frames.add(this.#frames, at, frame)
    return frame
  }

  #named(address: bigint, { name }: FunctionAt, offset: number, module: string): StackFrame {
    return { address, name: this.#context.demangle(name), offset, module }
  }

  /** A frame in memory that is of no file: code that was compiled at run time. */
  #compiled(address: bigint, at: number, mapping: Mapping, moment: number | undefined): StackFrame {
    const found = this.#ofPerfMap(map => map.find(at, moment))
    if (found !== undefined) return this.#named(address, found, at - found.start, JIT)
    return unknown(address, mapping.path === '' ? undefined : mapping.path)
  }

  #mappingAt(address: number): Mapping | undefined {
    const mapping = mappingAt(this.#mappings, address)
    if (mapping !== undefined || this.#held || this.#gone || !this.#mapsAge.isOld()) return mapping
    return this.refresh() ? mappingAt(this.#mappings, address) : undefined
  }

  #holdFile(mapping: Mapping): void {
    const file = this.#fileOf(mapping)
    if (file === undefined) return
    try {
      this.#context.files.hold(file)
      file.openDebugFile()
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      this.#problems.set(mapping.path, error)
    }
  }

  #fileOf(mapping: Mapping): SymbolFile | undefined {
    const { device, inode, path } = mapping
    if (inode === 0n) return undefined
    const key = `${device} ${inode}`
    let file = this.#files.get(key)
    const isKnown = this.#files.has(key) && file?.closed !== true
    if (isKnown || this.#held) return file
    // One that was closed for others is opened again.
    if (file !== undefined) this.#context.files.release(file)
    this.#files.delete(key)
    file = undefined
    try {
      const opened = openMapping(this.pid, mapping, this.#places.root)
      file = this.#context.files.acquire(opened, path, this.#places)
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      this.#problems.set(path, error)
      // There may be room for it later.
      if (error.code === 'EMFILE' || error.code === 'ENFILE') return undefined
    }
    if (file !== undefined) this.#problems.delete(path)
    this.#files.set(key, file)
    return file
  }

  #openVdso({ start, end }: Mapping): SymbolFile | undefined {
    if (this.#vdso !== undefined || this.#held || end - start > MAX_VDSO) return this.#vdso
    try {
      using memory = OpenFile.open(`/proc/${this.pid}/mem`, `Cannot read the vdso of process ${this.pid}`)
      const bytes = memory.read(start, end - start)
      this.#vdso = new SymbolFile(memorySource(bytes), VDSO, this.#places)
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      this.#problems.set(VDSO, error)
    }
    return this.#vdso
  }

  /** Asks the perf map; one that cannot be read is given up. */
  #ofPerfMap<T>(ask: (map: PerfMap) => T): T | undefined {
    const map = this.#openPerfMap()
    try {
      return map && ask(map)
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      this.#problems.set(map!.path, error)
      map![Symbol.dispose]()
      this.#perfMap = undefined
      return undefined
    }
  }

  /** The perf map, which a process may begin to write at any time. */
  #openPerfMap(): PerfMap | undefined {
    if (this.#perfMap === undefined && !this.#held && !this.#gone && this.#perfMapAge.isOld()) {
      this.#perfMap = PerfMap.open(this.pid, this.#identity, this.#context.perfMaps)
    }
    return this.#perfMap
  }

  #requireOpen(): void {
    if (this.#closed) throw closedError(`The symbols of process ${this.pid}`)
  }

  /** Closes its files, unless other processes have them. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#context.frames.clear(this.#frames)
    for (const file of this.#files.values()) if (file !== undefined) this.#context.files.release(file)
    this.#vdso?.[Symbol.dispose]()
    this.#perfMap?.[Symbol.dispose]()
    this.#context.onClose(this)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

function unknown(address: bigint, module: string | undefined): StackFrame {
  return { address, name: undefined, offset: 0, module }
}

/** The error for a process of which procfs shows nothing: mounted with `hidepid`, it hides those of other users. */
function missing(pid: number, cause?: unknown): BpfError {
  const hidden = processExists(pid)
  const reason = hidden ? 'procfs hides it from this user' : 'it does not exist'
  const code = hidden ? 'EPERM' : 'ESRCH'
  return new BpfError(`Cannot read the mappings of process ${pid}: ${reason}`, { code, cause })
}

function readMappings(pid: number): Mapping[] {
  const action = `Cannot read the mappings of process ${pid}`
  try {
    return parseMappings(readRegularFile(`/proc/${pid}/maps`, MAX_MAPS, action).toString('utf8'))
  } catch (error) {
    if (!(error instanceof BpfError && error.code === 'ENOENT')) throw error
    throw missing(pid, error)
  }
}
