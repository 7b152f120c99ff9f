/**
 * The functions that a compiler at run time has written to `/tmp/perf-PID.map`: Node.js with `--perf-basic-prof`, Java,
 * Python with `-X perf`, .NET, and others.
 *
 * Lines are `ADDRESS SIZE NAME`, in hexadecimal digits, in the order in which the code came to be. Nothing is ever removed, so
 * code that is gone stays in the file: the newest entry that covers an address has it.
 *
 * Source: tools/perf/Documentation/jit-interface.txt.
 *
 * @module
 */

import { constants } from 'node:fs'
import { BpfError } from '../../base/errors.ts'
import { OpenFile } from '../../kernel/read-file.ts'
import type { FunctionAt } from '../files/function-source.ts'
import { Age } from './age.ts'
import { PerfMapTable } from './perf-map-table.ts'
import type { ProcessIdentity } from './status.ts'

/** Bytes of a file that are read at most. */
const MAX_SIZE = 256 << 20
/** Bytes of memory that the perf maps of all processes take together at most. */
const MAX_MEMORY = 512 << 20
/** Bytes that are read at once. */
const PIECE = 1 << 20
/** Bytes of a line at most; what is longer is not an entry. */
const MAX_LINE = 1 << 16
const NEWLINE = 0x0a
const EMPTY = new Uint8Array(0)

/** Memory that the perf maps of several processes take. */
export class PerfMapMemory {
  /** Bytes that are used, and that may be. */
  used = 0
  readonly most: number

  /** @param most bytes. Default: 512 MiB */
  constructor(most: number = MAX_MEMORY) {
    this.most = most
  }
}

/** The file of one process, open. What is appended to it is read now and then. */
export class PerfMap implements Disposable {
  readonly #file: OpenFile
  readonly #table = new PerfMapTable()
  readonly #memory: PerfMapMemory
  /** Whether the file has more than may be read. */
  #isCut = false
  #closed = false
  readonly #age = new Age()
  #read = 0
  /** The beginning of a line whose end was not written yet; whether the line is too long, and passed over. */
  #rest: Uint8Array = EMPTY
  #skips = false
  #held = false
  /** Path of the file. */
  readonly path: string

  /**
   * Opens the file of a process: in its own file system, by its id in its own namespace. The directory is one that all may
   * write to: it must be a regular file, not a link, and belong to the process's user or to root.
   *
   * @param memory what those of other processes take too
   * @returns `undefined` when it is not there, or not to be trusted
   */
  static open(
    pid: number,
    { ownPid, uid }: ProcessIdentity,
    memory: PerfMapMemory = new PerfMapMemory(),
  ): PerfMap | undefined {
    const path = `/proc/${pid}/root/tmp/perf-${ownPid}.map`
    let file: OpenFile | undefined
    try {
      file = OpenFile.open(path, undefined, constants.O_NOFOLLOW)
      const stat = file.stat()
      if (stat.isFile() && (stat.uid === BigInt(uid) || stat.uid === 0n))
        return new PerfMap(file, path, memory)
      file[Symbol.dispose]()
      return undefined
    } catch (error) {
      file?.[Symbol.dispose]()
      if (!(error instanceof BpfError)) throw error
      return undefined
    }
  }

  private constructor(file: OpenFile, path: string, memory: PerfMapMemory) {
    this.#memory = memory
    this.#file = file
    this.path = path
  }

  /** Why some of its entries are not known: it has too many. */
  get problem(): BpfError | undefined {
    if (!this.#isCut && !this.#table.full) return undefined
    const message = `Cannot read all of ${this.path}: it is too large, or those of all processes are, and only its first ${this.#table.length} entries are known`
    return new BpfError(message, { code: 'EFBIG' })
  }

  /**
   * The function that an address lies in, as the file was a tenth of a second ago, or is now.
   *
   * @param moment as {@link PerfMap.moment} returned it: the function that had the address then
   */
  find(address: number, moment?: number): FunctionAt | undefined {
    if (this.#age.isOld()) this.#readMore()
    const found = this.#table.find(address, moment)
    if (found !== undefined) return found
    return this.#readMore() ? this.#table.find(address, moment) : undefined
  }

  /** Reads what the file has now, and returns what stands for this moment: the number of its entries. */
  moment(): number {
    this.#readMore()
    return this.#table.length
  }

  /** Reads what the file has now, so that later changes do not matter. */
  hold(): void {
    this.#held = false
    this.#readMore()
    this.#held = true
  }

  /** Reads what was appended, each byte once; whether there are entries in it. */
  #readMore(): boolean {
    if (this.#held || this.#isCut) return false
    const before = this.#table.length
    const size = Number(this.#file.stat().size)
    while (this.#read < size) {
      this.#isCut = this.#table.full || this.#read >= MAX_SIZE || this.#memory.used >= this.#memory.most
      if (this.#isCut) break
      const piece = this.#file.read(this.#read, Math.min(PIECE, size - this.#read))
      if (piece.length === 0) break
      this.#read += piece.length
      const memory = this.#table.memory
      this.#addPiece(piece)
      this.#memory.used += this.#table.memory - memory
    }
    return this.#table.length > before
  }

  /** Adds the lines that end in a piece, and keeps the last one, which may not be complete. */
  #addPiece(piece: Uint8Array): void {
    let from = 0
    const first = piece.indexOf(NEWLINE)
    const end = piece.lastIndexOf(NEWLINE) + 1
    if (end > 0) {
      if (this.#skips) from = first + 1
      else if (this.#rest.length > 0) {
        this.#table.add(Buffer.concat([this.#rest, piece.subarray(0, first + 1)]))
        from = first + 1
      }
      this.#skips = false
      this.#rest = EMPTY
      if (from < end) this.#table.add(piece.subarray(from, end))
    }
    if (this.#skips) return
    this.#skips = this.#rest.length + piece.length - end > MAX_LINE
    this.#rest = this.#skips ? EMPTY : Buffer.concat([this.#rest, piece.subarray(end)])
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    if (!this.#closed) this.#memory.used -= this.#table.memory
    this.#closed = true
    this.#file[Symbol.dispose]()
  }
}
