/**
 * Names for addresses of the kernel and of processes.
 *
 * @module
 */

import { BpfError, closedError } from '../base/errors.ts'
import { OpenFile } from '../kernel/read-file.ts'
import { demangle } from './demangle/demangle.ts'
import { DEBUG_DIRECTORIES } from './files/debug-file.ts'
import { FileCache } from './files/file-cache.ts'
import type { BuildIdOffset, CodeLocation, StackFrame } from './frame.ts'
import { KernelSymbols } from './kallsyms.ts'
import { FrameCache } from './process/frame-cache.ts'
import { PerfMapMemory } from './process/perf-map.ts'
import { ProcessSymbols } from './process/process-symbols.ts'

/** How addresses get their names. */
export interface SymbolizerOptions {
  /**
   * Gives names their readable form. It gets each name that is shown, and returns those that it does not know as they are.
   * Default: `demangle`, which knows Rust; `loadDemangler` returns one that knows C++ too.
   */
  demangle?: (name: string) => string
  /** Directories of debug files, which `.build-id` and paths of files begin below. Default: `/usr/lib/debug`. */
  debugDirectories?: readonly string[]
  /**
   * Bytes that the tables of all files may take; those that were not used for long are read again when they are needed. A
   * table takes 12 to 16 bytes a function, and the names that were asked for lately up to 1 MiB. Default: 268,435,456 (256 MiB).
   */
  maxMemory?: number
}

/** Addresses of the kernel have the upper half, those of processes the lower one. */
const KERNEL = 1n << 63n
const MAX_ADDRESS = 1n << 64n
const DEFAULT_MEMORY = 256 << 20
/** Processes that are kept. Of more, the oldest that is not held is closed. */
const MAX_PROCESSES = 4096

/**
 * Names for addresses, and what is needed for them: open files, tables of their functions, mappings of processes. Each is read
 * when it is needed. What cannot be read gives frames without a name, never an error.
 */
export class Symbolizer implements Disposable {
  readonly #files: FileCache
  readonly #frames = new FrameCache()
  readonly #perfMaps = new PerfMapMemory()
  readonly #options: Required<Omit<SymbolizerOptions, 'maxMemory'>>
  readonly #processes = new Map<number, ProcessSymbols>()
  /** All that are open: also those whose id another process has by now. */
  readonly #open = new Set<ProcessSymbols>()
  #kernel: KernelSymbols | undefined
  #kernelFailed = false
  #closed = false

  /** @throws RangeError when `maxMemory` is not a number of bytes */
  constructor(options: SymbolizerOptions = {}) {
    const { debugDirectories = DEBUG_DIRECTORIES, maxMemory = DEFAULT_MEMORY } = options
    if (!(maxMemory >= 0)) throw new RangeError(`maxMemory ${maxMemory} is not a number of bytes`)
    this.#options = { demangle: options.demangle ?? demangle, debugDirectories }
    this.#files = new FileCache(maxMemory)
  }

  /**
   * The functions of a process, which stay in this symbolizer until either is closed.
   *
   * @param pid id of a process, or of a thread, in this process's namespace
   * @throws RangeError when it is not an id
   * @throws BpfError with code `ESRCH` when it does not exist, `EACCES` or `EPERM` when this process may not look at it,
   *   `ERR_CLOSED` after `close`
   */
  process(pid: number): ProcessSymbols {
    this.#requireOpen()
    if (!(Number.isInteger(pid) && pid > 0 && pid < 2 ** 31)) {
      throw new RangeError(`${pid} is not the id of a process`)
    }
    const known = this.#processes.get(pid)
    if (known !== undefined && !known.replaced) return known
    const made = new ProcessSymbols(pid, {
      files: this.#files,
      frames: this.#frames,
      perfMaps: this.#perfMaps,
      debugDirectories: this.#options.debugDirectories,
      demangle: this.#options.demangle,
      onClose: closed => this.#forget(closed),
    })
    // What is held belongs to whoever asked for it.
    if (known !== undefined && !known.held) known.close()
    this.#processes.set(pid, made)
    this.#open.add(made)
    if (this.#processes.size > MAX_PROCESSES) this.#closeOldest(made)
    return made
  }

  /**
   * What is known of one address.
   *
   * @param pid of the process that has it; not needed for addresses of the kernel
   * @throws RangeError when the address has more than 64 bits
   * @throws BpfError with code `ERR_CLOSED` after `close`
   */
  at(address: bigint, pid?: number): StackFrame {
    this.#requireOpen()
    return this.#frame(address, () => this.#processOf(pid), undefined)
  }

  #frame(address: bigint, process: () => ProcessSymbols | undefined, moment: number | undefined): StackFrame {
    if (address < 0n || address >= MAX_ADDRESS) throw new RangeError(`${address} is not an address`)
    return address >= KERNEL ? this.#inKernel(address) : (process()?.at(address, moment) ?? unknown(address))
  }

  /**
   * The frames of a stack, in the order of its addresses: from the function that runs to the first one.
   *
   * All addresses but the first are return addresses, which lie behind a call. Such a frame is the function that calls, also
   * where its last instruction is the call; `offset` is the distance of the return address.
   *
   * @param locations as `StackMap` and ring buffer records have them; those of the kernel may be among them
   * @param pid of the process that the stack was taken in; not needed for addresses of the kernel and for build ids. Frames
   *   of a process that has ended and was not asked for before have no names
   * @param moment of the process, as `ProcessSymbols.moment` returned it before the stack was taken. Default: now
   * @throws RangeError when an address has more than 64 bits
   * @throws BpfError with code `ERR_CLOSED` after `close`
   */
  stack(locations: Iterable<CodeLocation>, pid?: number, moment?: number): StackFrame[] {
    this.#requireOpen()
    const frames: StackFrame[] = []
    let process: ProcessSymbols | undefined | null = null
    const processOnce = (): ProcessSymbols | undefined => {
      if (process === null) process = this.#processOf(pid)
      return process
    }
    for (const each of locations) {
      const back = frames.length === 0 ? 0n : 1n
      if (typeof each !== 'bigint') {
        frames.push(this.#inFile({ ...each, offset: each.offset - back }, back))
        continue
      }
      const found = this.#frame(each === 0n ? 0n : each - back, processOnce, moment)
      frames.push(back === 0n || each === 0n ? found : behind(found, each))
    }
    return frames
  }

  /**
   * Opens a program or library for stacks with build ids. Those of processes that were asked for are known already; one that is
   * added comes before them, since any file can have any build id.
   *
   * @returns its build id; `undefined` when it has none, and can be of no use here
   * @throws BpfError when it cannot be read, `ERR_OBJECT_FILE` when it is not ELF, `EMFILE` when too many files are held
   */
  addFile(path: string): string | undefined {
    this.#requireOpen()
    const { debugDirectories: directories } = this.#options
    return this.#files.add(OpenFile.open(path), path, { directories }).buildId
  }

  #inFile({ buildId, offset }: BuildIdOffset, back: bigint): StackFrame {
    const address = offset + back
    const file = this.#files.withBuildId(buildId)
    if (file === undefined || offset > MAX_OFFSET) return unknown(address)
    this.#files.use(file)
    const at = file.addressAt(Number(offset))
    const found = at === undefined ? undefined : file.find(at)
    if (found === undefined) return { ...unknown(address), module: file.path }
    const name = this.#options.demangle(found.name)
    return { address, name, offset: at! - found.start + Number(back), module: file.path }
  }

  #inKernel(address: bigint): StackFrame {
    const found = this.#kernelSymbols()?.at(address)
    if (found === undefined) return unknown(address)
    const { symbol, offset } = found
    return { address, name: symbol.name, offset, module: symbol.module ?? 'vmlinux' }
  }

  /** The kernel's symbols; `undefined` where it hides them. */
  #kernelSymbols(): KernelSymbols | undefined {
    if (this.#kernel === undefined && !this.#kernelFailed) {
      try {
        this.#kernel = KernelSymbols.read()
      } catch (error) {
        if (!(error instanceof BpfError)) throw error
        this.#kernelFailed = true
      }
    }
    return this.#kernel
  }

  #processOf(pid: number | undefined): ProcessSymbols | undefined {
    if (pid === undefined) return undefined
    try {
      return this.process(pid)
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      return undefined
    }
  }

  #forget(process: ProcessSymbols): void {
    this.#open.delete(process)
    if (this.#processes.get(process.pid) === process) this.#processes.delete(process.pid)
  }

  #closeOldest(current: ProcessSymbols): void {
    for (const each of this.#processes.values()) {
      if (each === current || each.held) continue
      each.close()
      return
    }
  }

  #requireOpen(): void {
    if (this.#closed) throw closedError('The symbolizer')
  }

  /** Closes all files and processes. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const each of [...this.#open]) each.close()
    this.#files[Symbol.dispose]()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** Offsets that a number holds exactly. */
const MAX_OFFSET = BigInt(Number.MAX_SAFE_INTEGER)

function unknown(address: bigint): StackFrame {
  return { address, name: undefined, offset: 0, module: undefined }
}

/** The frame of a return address, from that of the byte before it. */
function behind(frame: StackFrame, address: bigint): StackFrame {
  return { ...frame, address, offset: frame.name === undefined ? 0 : frame.offset + 1 }
}
