/**
 * Open programs and libraries, each once, whoever asks for it.
 *
 * @module
 */

import { BpfError } from '../../base/errors.ts'
import type { OpenFile } from '../../kernel/read-file.ts'
import { readText } from '../../kernel/read-text.ts'
import { type DebugFilePlaces, SymbolFile } from './symbol-file.ts'

/** Files that stay open though no process uses them any more. */
const MAX_IDLE = 64
/** Files that may be open, whatever the limit of descriptors is. */
const [MIN_FILES, MAX_FILES] = [16, 1 << 14]
/** Descriptors of a process by default, where procfs does not say how many it may have. */
const USUAL_DESCRIPTORS = 1024
/** Look-ups between two looks at how much memory the tables take. */
const CHECK_EVERY = 256
/** Digits of a build id as the kernel gives it. */
const BUILD_ID_DIGITS = 40

/**
 * Keeps files open and their tables in memory, up to limits: the files and the tables that were used last stay.
 *
 * A file is what it is by its device and inode, not by its build id, which anyone can write into a file; and by where its debug
 * file is looked for.
 */
export class FileCache implements Disposable {
  readonly #files = new Map<string, SymbolFile>()
  readonly #byBuildId = new Map<string, Set<SymbolFile>>()
  /** Those that the caller added, by their build id. */
  readonly #added = new Map<string, SymbolFile>()
  /** Those that nothing uses, from the one that was given back first. */
  readonly #idle = new Set<SymbolFile>()
  readonly #maxMemory: number
  #maxFiles: number | undefined
  #held = 0
  #uses = 0

  /**
   * @param maxMemory bytes that all tables may take together
   * @param maxFiles files that may be open. Default: a quarter of the descriptors that this process may have, since each may have
   *   a debug file
   */
  constructor(maxMemory: number, maxFiles?: number) {
    this.#maxMemory = maxMemory
    this.#maxFiles = maxFiles
  }

  /**
   * The file that was opened, or the same one that is open already; the caller gives it back with `release`. Another may be closed
   * for it, that whose users have not used it for the longest time: they see that by `closed`, and open it again.
   *
   * @param file owned by the cache from now on
   * @throws BpfError when it is not ELF, or cannot be read; with code `EMFILE` when all files that may be open are held
   */
  acquire(file: OpenFile, path: string, places: DebugFilePlaces): SymbolFile {
    const { dev, ino, size, mtimeNs } = file.stat()
    const key = `${dev}:${ino}:${size}:${mtimeNs} ${places.rootIdentity ?? places.root ?? ''}`
    let result = this.#files.get(key)
    if (result !== undefined) file[Symbol.dispose]()
    else {
      result = new SymbolFile(file, path, places)
      result.key = key
      this.#makeRoom(result)
      this.#files.set(key, result)
      if (result.buildId !== undefined) this.#withSameBuildId(result.buildId).add(result)
    }
    this.#idle.delete(result)
    result.users++
    result.lastUse = ++this.#uses
    return result
  }

  /**
   * Keeps a file for stacks with build ids, before all others that have the same. Throws as `acquire` does.
   *
   * @param file owned by the cache from now on
   */
  add(file: OpenFile, path: string, places: DebugFilePlaces): SymbolFile {
    const added = this.acquire(file, path, places)
    try {
      this.hold(added)
    } catch (error) {
      this.release(added)
      throw error
    }
    if (added.buildId !== undefined) this.#added.set(paddedId(added.buildId), added)
    return added
  }

  /**
   * Keeps a file open as long as it is used.
   *
   * @throws BpfError with code `EMFILE` when these would be more than half of the files that may be open
   */
  hold(file: SymbolFile): void {
    if (file.held || file.closed) return
    if (this.#held >= Math.ceil(this.#limitOfFiles() / 2)) throw tooMany(file.path)
    file.held = true
    this.#held++
  }

  /** An open file by its build id. */
  withBuildId(id: string): SymbolFile | undefined {
    const padded = paddedId(id)
    return this.#added.get(padded) ?? this.#byBuildId.get(padded)?.values().next().value
  }

  /** Gives a file back. It stays open for a while. */
  release(file: SymbolFile): void {
    file.users--
    if (file.users > 0 || file.closed) return
    this.#letGo(file)
    this.#idle.add(file)
    if (this.#idle.size > MAX_IDLE) this.#close(this.#oldestIdle()!)
  }

  /** Closes files until there is room for one more. */
  #makeRoom(file: SymbolFile): void {
    while (this.#files.size >= this.#limitOfFiles()) {
      const oldest = this.#oldestIdle() ?? this.#oldestUsed()
      if (oldest === undefined) {
        file[Symbol.dispose]()
        throw tooMany(file.path)
      }
      this.#close(oldest)
    }
  }

  #oldestIdle(): SymbolFile | undefined {
    return this.#idle.values().next().value
  }

  #oldestUsed(): SymbolFile | undefined {
    let oldest: SymbolFile | undefined
    for (const each of this.#files.values()) {
      if (!each.held && (oldest === undefined || each.lastUse < oldest.lastUse)) oldest = each
    }
    return oldest
  }

  #close(file: SymbolFile): void {
    this.#files.delete(file.key)
    this.#idle.delete(file)
    this.#letGo(file)
    if (file.buildId !== undefined) {
      const same = this.#withSameBuildId(file.buildId)
      same.delete(file)
      if (same.size === 0) this.#byBuildId.delete(paddedId(file.buildId))
    }
    file[Symbol.dispose]()
  }

  #letGo(file: SymbolFile): void {
    if (file.held) this.#held--
    file.held = false
  }

  #withSameBuildId(id: string): Set<SymbolFile> {
    const padded = paddedId(id)
    const known = this.#byBuildId.get(padded)
    if (known !== undefined) return known
    const made = new Set<SymbolFile>()
    this.#byBuildId.set(padded, made)
    return made
  }

  #limitOfFiles(): number {
    this.#maxFiles ??= Math.max(MIN_FILES, Math.min(MAX_FILES, Math.floor(maxDescriptors() / 4)))
    return this.#maxFiles
  }

  /** Notes that a file is used; now and then, tables that were not used for long are forgotten. */
  use(file: SymbolFile): void {
    file.lastUse = ++this.#uses
    if (this.#uses % CHECK_EVERY === 0) this.#limit(file)
  }

  #limit(current: SymbolFile): void {
    const files = [...this.#files.values()]
    let memory = files.reduce((sum, each) => sum + each.memory, 0)
    if (memory <= this.#maxMemory) return
    for (const each of files.sort((a, b) => a.lastUse - b.lastUse)) {
      if (memory <= this.#maxMemory) return
      if (each === current) continue
      memory -= each.memory
      each.forget()
    }
  }

  /** Closes all files. */
  [Symbol.dispose](): void {
    for (const each of this.#files.values()) each[Symbol.dispose]()
    this.#files.clear()
    this.#byBuildId.clear()
    this.#added.clear()
    this.#idle.clear()
  }
}

const paddedId = (id: string): string =>
  id.toLowerCase().padEnd(BUILD_ID_DIGITS, '0').slice(0, BUILD_ID_DIGITS)

/** How many descriptors this process may have. Source: fs/proc/base.c `proc_pid_limits`. */
function maxDescriptors(): number {
  const soft = /^Max open files +(\d+)/m.exec(readText('/proc/self/limits') ?? '')?.[1]
  return Number(soft ?? USUAL_DESCRIPTORS)
}

function tooMany(path: string): BpfError {
  const reason =
    'too many files are open for symbols; close processes that are not needed, or allow more descriptors (ulimit -n)'
  return new BpfError(`Cannot keep ${path} open: ${reason}`, { code: 'EMFILE' })
}
