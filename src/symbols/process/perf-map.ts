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

/** Bytes that are read of a file at most; an hour of a busy program writes less. */
const MAX_SIZE = 256 << 20

/** The file of one process, open. What is appended to it is read now and then. */
export class PerfMap implements Disposable {
  readonly #file: OpenFile
  readonly #table = new PerfMapTable()
  readonly #age = new Age()
  #read = 0
  #held = false

  /**
   * Opens the file of a process: in its own file system, by its id in its own namespace. The directory is one that all may
   * write to: it must be a regular file, not a link, and belong to the process's user or to root.
   *
   * @returns `undefined` when it is not there, or not to be trusted
   */
  static open(pid: number, { ownPid, uid }: ProcessIdentity): PerfMap | undefined {
    const path = `/proc/${pid}/root/tmp/perf-${ownPid}.map`
    let file: OpenFile | undefined
    try {
      file = OpenFile.open(path, undefined, constants.O_NOFOLLOW)
      const owner = file.stat().uid
      if (owner === BigInt(uid) || owner === 0n) return new PerfMap(file)
      file[Symbol.dispose]()
      return undefined
    } catch (error) {
      file?.[Symbol.dispose]()
      if (!(error instanceof BpfError)) throw error
      return undefined
    }
  }

  private constructor(file: OpenFile) {
    this.#file = file
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

  /** Reads what was appended; whether something was. */
  #readMore(): boolean {
    if (this.#held) return false
    const size = Math.min(Number(this.#file.stat().size), MAX_SIZE)
    if (size <= this.#read) return false
    const bytes = this.#file.read(this.#read, size - this.#read)
    // The last line may not be complete.
    const end = bytes.lastIndexOf(0x0a) + 1
    if (end === 0) return false
    this.#table.add(bytes.subarray(0, end))
    this.#read += end
    return true
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]()
  }
}
