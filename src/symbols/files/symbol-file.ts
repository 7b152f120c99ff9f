/**
 * The functions of one program or library, from whatever has their names.
 *
 * @module
 */

import { BpfError } from '../../base/errors.ts'
import { ElfFile } from '../../elf/file.ts'
import { sectionTypes } from '../../elf/format.ts'
import type { ElfSegment } from '../../elf/headers.ts'
import { buildIdOf } from '../../elf/notes.ts'
import { type ByteSource, memorySource } from '../../elf/source.ts'
import { addressAt, codeSegments } from './code-range.ts'
import { findDebugFile, type OpenElf } from './debug-file.ts'
import { FunctionIndex } from './function-index.ts'
import type { FunctionAt, FunctionSource } from './function-source.ts'
import { GoTable } from './go-table.ts'
import { readDebugData } from './mini-debug-info.ts'
import { LinkerStubs } from './plt.ts'

/** A source of bytes that may have to be closed. */
export type ClosableSource = ByteSource & Partial<Disposable>

/** Where debug files are looked for. */
export interface DebugFilePlaces {
  /** Directories of debug files. */
  readonly directories: readonly string[]
  /** Directory that paths of the file begin at: `'/proc/PID/root'` for one in another mount namespace. */
  readonly root?: string
  /** What distinguishes that directory from others, which may be the same for several processes. Default: its path. */
  readonly rootIdentity?: string
}

/** A program or library, open. Its tables are read at the first look-up that needs them. */
export class SymbolFile implements Disposable {
  /** Path, or another name of it. */
  readonly path: string
  /** In hexadecimal digits. */
  readonly buildId: string | undefined
  /** When it was used last, as counted by who keeps it. */
  lastUse = 0
  /** Who uses it, as counted by who keeps it; whether it stays open meanwhile; and the key that it is kept by. */
  users = 0
  held = false
  key = ''
  #closed = false
  /** The first error about its tables: what is damaged is passed over. */
  problem: BpfError | undefined
  readonly #elf: ElfFile
  readonly #source: ClosableSource
  readonly #places: DebugFilePlaces
  readonly #segments: readonly ElfSegment[]
  #debug: OpenElf | undefined
  /** Sources of names in the order of their worth; each is made at the first address that those before it do not know. */
  readonly #kinds: readonly (() => FunctionSource | undefined)[] = [
    () => FunctionIndex.build(this.#elf, 'symtab'),
    () => this.#ofDebugFile(),
    () => this.#ofDebugData(),
    () => this.#ofDynamicSymbols(),
    () => GoTable.read(this.#elf),
    () => LinkerStubs.of(this.#elf),
  ]
  /** Those that were made. */
  readonly #sources: (FunctionSource | undefined)[] = []

  /**
   * Reads the headers of a file, which it owns from now on.
   *
   * @throws ObjectFileError when it is not ELF, or damaged; the source is closed then
   * @throws BpfError when it cannot be read
   */
  constructor(source: ClosableSource, path: string, places: DebugFilePlaces) {
    try {
      this.path = path
      this.#source = source
      this.#places = places
      this.#elf = ElfFile.from(source, path)
      this.#segments = codeSegments(this.#elf)
      this.buildId = buildIdOf(this.#elf)
    } catch (error) {
      source[Symbol.dispose]?.()
      throw error
    }
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** Bytes of memory that its tables take. */
  get memory(): number {
    return this.#sources.reduce((sum, each) => sum + (each?.memory ?? 0), 0)
  }

  /** Address, as the file counts them, of what it has at an offset; `undefined` when no code is there. */
  addressAt(offset: number): number | undefined {
    return addressAt(this.#segments, offset)
  }

  /**
   * The function that an address lies in; `undefined` when no table has one, or the file cannot be read any more.
   *
   * @param address as the file counts them
   */
  find(address: number): FunctionAt | undefined {
    for (let i = 0; i < this.#kinds.length; i++) {
      if (i === this.#sources.length) this.#sources.push(this.#attempt(this.#kinds[i]!))
      const source = this.#sources[i]
      const found = source && this.#attempt(() => source.find(address))
      if (found !== undefined && found.name !== '') return found
    }
    return undefined
  }

  /** Forgets its tables, which are read again when they are needed. */
  forget(): void {
    this.#sources.length = 0
  }

  /** Opens its debug file now, since the directory that it is in may go with a process. */
  openDebugFile(): void {
    if (!this.#elf.sections.some(({ type }) => type === sectionTypes.symtab)) this.#openDebugFile()
  }

  /** Closes the file, and its debug file. */
  [Symbol.dispose](): void {
    this.#closed = true
    this.forget()
    this.#debug?.file[Symbol.dispose]()
    this.#source[Symbol.dispose]?.()
  }

  #attempt<T>(read: () => T): T | undefined {
    try {
      return read()
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      this.problem ??= error
      return undefined
    }
  }

  #ofDebugFile(): FunctionSource | undefined {
    // A file with symbols of its own has been stripped of nothing.
    if (this.#sources[0] !== undefined) return undefined
    const debug = this.#openDebugFile()
    return debug === undefined ? undefined : this.#moved(debug.elf)
  }

  #openDebugFile(): OpenElf | undefined {
    const { directories, root } = this.#places
    this.#debug ??= findDebugFile(this.#elf, this.path, this.buildId, directories, root)
    return this.#debug
  }

  #ofDebugData(): FunctionSource | undefined {
    if (this.#sources.some(each => each !== undefined)) return undefined
    const bytes = readDebugData(this.#elf)
    if (bytes === undefined) return undefined
    return this.#moved(ElfFile.from(memorySource(bytes), `.gnu_debugdata of ${this.path}`), bytes.length)
  }

  /** What the file shares with others. A whole table of symbols has that too; one that is stripped in part is shorter. */
  #ofDynamicSymbols(): FunctionSource | undefined {
    const size = tableSize(this.#elf, 'dynsym')
    const [own, debug] = this.#sources
    if (own !== undefined && tableSize(this.#elf, 'symtab') >= size) return undefined
    if (debug !== undefined && tableSize(this.#debug!.elf, 'symtab') >= size) return undefined
    return FunctionIndex.build(this.#elf, 'dynsym')
  }

  /** Functions of another file with the same code, which prelinking may have moved in this one. */
  #moved(other: ElfFile, memory = 0): FunctionSource | undefined {
    const index = FunctionIndex.build(other, 'symtab')
    if (index === undefined) return undefined
    const [own, theirs] = [this.#segments[0], codeSegments(other)[0]]
    const distance = (theirs?.address ?? 0) - (own?.address ?? 0)
    return {
      get memory() {
        return index.memory + memory
      },
      find(address) {
        const found = index.find(address + distance)
        return found && { name: found.name, start: found.start - distance }
      },
    }
  }
}

/** Bytes of a table of symbols; 0 without one. */
function tableSize(elf: ElfFile, type: 'symtab' | 'dynsym'): number {
  return elf.sections.find(each => each.type === sectionTypes[type])?.size ?? 0
}
