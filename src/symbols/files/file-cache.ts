/**
 * Open programs and libraries, each once per build, whoever asks for it.
 *
 * @module
 */

import type { OpenFile } from '../../kernel/read-file.ts'
import { type DebugFilePlaces, SymbolFile } from './symbol-file.ts'

/** Files that stay open though no process uses them any more. */
const MAX_IDLE = 64
/** Look-ups between two looks at how much memory the tables take. */
const CHECK_EVERY = 256
/** Digits of a build id as the kernel gives it. */
const BUILD_ID_DIGITS = 40

/** Keeps files open and their tables in memory, up to a limit: the tables that were used last stay. */
export class FileCache implements Disposable {
  readonly #files = new Map<string, SymbolFile>()
  readonly #byBuildId = new Map<string, SymbolFile>()
  readonly #maxMemory: number
  #uses = 0

  /** @param maxMemory bytes that all tables may take together */
  constructor(maxMemory: number) {
    this.#maxMemory = maxMemory
  }

  /**
   * The file that was opened, or an equal one that is open already; the caller gives it back with `release`.
   *
   * @param file owned by the cache from now on
   * @throws BpfError when it is not ELF, or cannot be read
   */
  acquire(file: OpenFile, path: string, places: DebugFilePlaces): SymbolFile {
    const { dev, ino, size, mtimeNs } = file.stat()
    const opened = new SymbolFile(file, path, places)
    const key = opened.buildId ?? `${dev}:${ino}:${size}:${mtimeNs}`
    const known = this.#files.get(key)
    if (known !== undefined) opened[Symbol.dispose]()
    else {
      this.#files.set(key, opened)
      if (opened.buildId !== undefined) this.#byBuildId.set(paddedId(opened.buildId), opened)
    }
    const result = known ?? opened
    result.users++
    result.lastUse = ++this.#uses
    return result
  }

  /** An open file by its build id. */
  withBuildId(id: string): SymbolFile | undefined {
    return this.#byBuildId.get(paddedId(id))
  }

  /** Gives a file back. It stays open for a while. */
  release(file: SymbolFile): void {
    file.users--
    const idle = [...this.#files].filter(([, { users }]) => users <= 0)
    if (idle.length <= MAX_IDLE) return
    const [key, oldest] = idle.reduce((a, b) => (b[1].lastUse < a[1].lastUse ? b : a))
    this.#files.delete(key)
    if (oldest.buildId !== undefined) this.#byBuildId.delete(paddedId(oldest.buildId))
    oldest[Symbol.dispose]()
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
  }
}

const paddedId = (id: string): string =>
  id.toLowerCase().padEnd(BUILD_ID_DIGITS, '0').slice(0, BUILD_ID_DIGITS)
