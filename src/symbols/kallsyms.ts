/**
 * Symbols of the running kernel, from `/proc/kallsyms`.
 *
 * The file stays as it is, bytes; only what is found becomes a {@link KernelSymbol}. Most processes look up a few
 * symbols, and reading the file takes them tens of milliseconds in the kernel: what would cost some more at the first
 * lookup, such as an index of all names, is made when there are enough lookups to pay for it.
 *
 * Source: kernel/kallsyms.c `s_show`: `ADDRESS TYPE NAME[\t[MODULE]]`, addresses as 16 hexadecimal digits.
 *
 * @module
 */

import { closeSync, openSync, readSync } from 'node:fs'
import { fileError } from '../base/errors.ts'
import { AddressIndex, sortedBytes } from './address-index.ts'
import { NameIndex, searchName } from './name-index.ts'
import { NAME_AT, startOfLine } from './symbol-lines.ts'

const PATH = '/proc/kallsyms'
const NEWLINE = 0x0a
const TAB = 0x09
const SPACE = 0x20

/** A symbol. */
export interface KernelSymbol {
  readonly name: string
  /** 0 when the kernel hides addresses from this user (`kptr_restrict`). */
  readonly address: bigint
  /** Letter as `nm` prints it: `t` and `T` are functions, `w` and `W` weak ones. */
  readonly type: string
  /** Name of the module; `undefined` for the kernel itself; `'bpf'` for BPF programs. */
  readonly module: string | undefined
}

/** A symbol and how far behind its start an address lies. */
export interface SymbolAt {
  readonly symbol: KernelSymbol
  readonly offset: number
}

/** Bytes of the file of a usual kernel, and more. */
const USUAL_SIZE = 16 * 1024 * 1024
/** At least so much room is there for a read. The kernel gives a page at a time, rarely more. */
const ROOM = 64 * 1024

/** So many names are searched for through the whole text before an index is made of them, which costs about as much. */
const SEARCHES = 5

/**
 * The file's bytes, in a buffer that may be greater: pages that were never written to take no memory. `readFileSync`
 * takes longer: it makes a buffer for each of some thousand reads.
 */
function readText(): Uint8Array {
  const fd = openSync(PATH, 'r')
  try {
    let text = new Uint8Array(USUAL_SIZE)
    let length = 0
    for (;;) {
      const count = readSync(fd, text, length, text.length - length, null)
      if (count === 0) return text.subarray(0, length)
      length += count
      if (text.length - length >= ROOM) continue
      const greater = new Uint8Array(2 * text.length)
      greater.set(text)
      text = greater
    }
  } finally {
    closeSync(fd)
  }
}

/**
 * Bytes of the kernel's own symbols, which come first in the file and are sorted by address: it looks them up by the
 * same binary search. Each of the others is followed by its module.
 *
 * Source: kernel/kallsyms.c `get_symbol_pos`, `update_iter`.
 */
function ownBytes(text: Buffer): number {
  const tab = text.indexOf(TAB)
  return tab === -1 ? text.length : startOfLine(text, tab)
}

/** The symbols as they were when they were read; modules and BPF programs come and go. */
export class KernelSymbols {
  readonly #text: Buffer
  #sorted: number | undefined
  #byAddress: AddressIndex | undefined
  #byName: NameIndex | undefined
  #searches = 0

  /**
   * Reads the running kernel's symbols, some ten megabytes.
   *
   * @throws BpfError when they cannot be read
   */
  static read(): KernelSymbols {
    try {
      const symbols = new KernelSymbols(readText())
      symbols.#sorted = ownBytes(symbols.#text)
      return symbols
    } catch (error) {
      throw fileError("Cannot read the kernel's symbols", error)
    }
  }

  /** @param text in the format of `/proc/kallsyms`, its lines in any order */
  constructor(text: Uint8Array) {
    this.#text = Buffer.from(text.buffer, text.byteOffset, text.byteLength)
  }

  /**
   * All symbols with a name, in the order of the file. Static functions of several source files may share one.
   *
   * @param name may be qualified by a module, `'module:name'`; `'vmlinux:name'` means the kernel itself
   */
  find(name: string): KernelSymbol[] {
    const [module, plain] = splitModule(name)
    const found: KernelSymbol[] = []
    if (plain === '') return found
    for (const start of this.#linesOf(Buffer.from(plain))) {
      const symbol = this.#symbol(start)
      if (module === undefined || (symbol.module ?? 'vmlinux') === module) found.push(symbol)
    }
    return found
  }

  /**
   * All variables with a name, as `find`, and static ones that link-time optimisation has renamed to
   * `NAME.llvm.HASH`. Source: libbpf `kallsyms_cb`.
   */
  findVariables(name: string): KernelSymbol[] {
    return [...this.find(name), ...this.#withPrefix(`${name}.llvm.`, STATIC_DATA_TYPE)]
  }

  /** Names of the functions that the compiler made of one with this name: `NAME.isra.0`, `NAME.cold`. */
  variants(name: string): string[] {
    return [...new Set(Array.from(this.#withPrefix(`${name}.`, FUNCTION_TYPES), symbol => symbol.name))]
  }

  /** Symbols of some types whose names begin with a text, in the order of the file. */
  *#withPrefix(prefix: string, types: ReadonlySet<number>): Generator<KernelSymbol> {
    const needle = Buffer.from(` ${prefix}`)
    for (let at = this.#text.indexOf(needle); at !== -1; at = this.#text.indexOf(needle, at + 1)) {
      const start = at + 1 - NAME_AT
      if (start < 0 || this.#text[at - 2] !== SPACE || !types.has(this.#text[at - 1]!)) continue
      yield this.#symbol(start)
    }
  }

  /** Whether the kernel hides addresses from the reader: all are 0 then (`kptr_restrict`, no CAP_SYSLOG). */
  get hidden(): boolean {
    return this.#addresses.hidden
  }

  /** The symbol that an address belongs to: the nearest that starts at or before it, of several the first in the file. */
  at(address: bigint): SymbolAt | undefined {
    if (BigInt.asUintN(64, address) !== address) return undefined
    const start = this.#addresses.at(Number(address >> 32n), Number(address & 0xffff_ffffn))
    if (start === undefined) return undefined
    const symbol = this.#symbol(start)
    return { symbol, offset: Number(address - symbol.address) }
  }

  /** All functions, in the order of the file. */
  *functions(): Generator<KernelSymbol> {
    for (let start = 0; start < this.#text.length; start = this.#text.indexOf(NEWLINE, start) + 1) {
      const type = this.#text[start + NAME_AT - 2]
      if (type !== undefined && FUNCTION_TYPES.has(type)) yield this.#symbol(start)
      if (this.#text.indexOf(NEWLINE, start) === -1) return
    }
  }

  #symbol(start: number): KernelSymbol {
    const end = this.#text.indexOf(NEWLINE, start)
    const line = this.#text.toString('latin1', start, end === -1 ? this.#text.length : end)
    const tab = line.indexOf('\t')
    return {
      address: BigInt(`0x${line.slice(0, NAME_AT - 3)}`),
      type: line[NAME_AT - 2]!,
      name: line.slice(NAME_AT, tab === -1 ? undefined : tab),
      module: tab === -1 ? undefined : line.slice(tab + 2, -1),
    }
  }

  #linesOf(name: Buffer): number[] {
    if (this.#byName === undefined && this.#searches++ < SEARCHES) return searchName(this.#text, name)
    this.#byName ??= new NameIndex(this.#text)
    return this.#byName.find(name)
  }

  get #addresses(): AddressIndex {
    this.#byAddress ??= new AddressIndex(this.#text, this.#sorted ?? sortedBytes(this.#text))
    return this.#byAddress
  }
}

const FUNCTION_TYPES: ReadonlySet<number> = new Set(Buffer.from('tTwW'))
/** Of initialised variables that are not global. */
const STATIC_DATA_TYPE: ReadonlySet<number> = new Set(Buffer.from('d'))

/** `'module:name'` to its parts. */
export function splitModule(name: string): [module: string | undefined, name: string] {
  const colon = name.indexOf(':')
  return colon === -1 ? [undefined, name] : [name.slice(0, colon), name.slice(colon + 1)]
}
