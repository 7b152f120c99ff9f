/**
 * Symbols of the running kernel, from `/proc/kallsyms`.
 *
 * Names are searched in the bytes of the file; it is cut into symbols only when an address is asked for.
 *
 * Source: kernel/kallsyms.c `s_show`: `ADDRESS TYPE NAME[\t[MODULE]]`, addresses as 16 hexadecimal digits.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { BpfError } from '../errors.ts'

const PATH = '/proc/kallsyms'
const NEWLINE = 0x0a
const SPACE = 0x20
const TAB = 0x09
/** The type of initialised variables that are not global, `d`. */
const STATIC_DATA = 0x64
/** Digits of an address, then a space, the type, a space. */
const NAME_AT = 19

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

/** The symbols as they were when they were read; modules and BPF programs come and go. */
export class KernelSymbols {
  readonly #text: Buffer
  #index: { addresses: BigUint64Array; lines: Uint32Array } | undefined

  /**
   * Reads the running kernel's symbols, some ten megabytes.
   *
   * @throws BpfError when they cannot be read
   */
  static read(): KernelSymbols {
    try {
      return new KernelSymbols(readFileSync(PATH))
    } catch (error) {
      const { code = 'EIO', message } = error as NodeJS.ErrnoException
      throw new BpfError(`Cannot read the kernel's symbols: ${message}`, { code, cause: error })
    }
  }

  /** @param text in the format of `/proc/kallsyms` */
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
    const needle = Buffer.from(` ${plain}`)
    for (let at = this.#text.indexOf(needle); at !== -1; at = this.#text.indexOf(needle, at + 1)) {
      const next = this.#text[at + needle.length]
      if (next !== NEWLINE && next !== TAB && next !== undefined) continue
      const start = at + 1 - NAME_AT
      // A type is one letter: this space is the one before a name.
      if (start < 0 || this.#text[at - 2] !== SPACE) continue
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
    const found = this.find(name)
    const needle = Buffer.from(` ${name}.llvm.`)
    for (let at = this.#text.indexOf(needle); at !== -1; at = this.#text.indexOf(needle, at + 1)) {
      const start = at + 1 - NAME_AT
      if (start >= 0 && this.#text[at - 2] === SPACE && this.#text[at - 1] === STATIC_DATA)
        found.push(this.#symbol(start))
    }
    return found
  }

  /** Whether the kernel hides addresses from the reader: all are 0 then (`kptr_restrict`, no CAP_SYSLOG). */
  get hidden(): boolean {
    this.#index ??= this.#buildIndex()
    return this.#index.addresses.every(address => address === 0n)
  }

  /** The symbol that an address belongs to: the nearest that starts at or before it. */
  at(address: bigint): SymbolAt | undefined {
    this.#index ??= this.#buildIndex()
    const { addresses, lines } = this.#index
    let low = 0
    let high = addresses.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (addresses[middle]! <= address) low = middle + 1
      else high = middle
    }
    if (low === 0) return undefined
    // Of several names of one address the first in the file is the usual one.
    let first = low - 1
    while (first > 0 && addresses[first - 1] === addresses[first]) first--
    if (addresses[first] === 0n) return undefined
    return { symbol: this.#symbol(lines[first]!), offset: Number(address - addresses[first]!) }
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

  #buildIndex(): { addresses: BigUint64Array; lines: Uint32Array } {
    const rows: { address: bigint; start: number }[] = []
    const text = this.#text
    for (let start = 0; start + NAME_AT < text.length; ) {
      const address = (BigInt(hex32(text, start)) << 32n) | BigInt(hex32(text, start + 8))
      rows.push({ address, start })
      const end = text.indexOf(NEWLINE, start)
      if (end === -1) break
      start = end + 1
    }
    rows.sort((a, b) => (a.address < b.address ? -1 : a.address > b.address ? 1 : a.start - b.start))
    return {
      addresses: BigUint64Array.from(rows, each => each.address),
      lines: Uint32Array.from(rows, each => each.start),
    }
  }
}

const FUNCTION_TYPES: ReadonlySet<number> = new Set(Buffer.from('tTwW'))

/** Eight hexadecimal digits, in lower case as the kernel prints them. */
function hex32(text: Uint8Array, at: number): number {
  let value = 0
  for (let i = at; i < at + 8; i++) {
    const digit = text[i]!
    value = (value << 4) | (digit <= 0x39 ? digit - 0x30 : digit - 0x57)
  }
  return value >>> 0
}

/** `'module:name'` to its parts. */
export function splitModule(name: string): [module: string | undefined, name: string] {
  const colon = name.indexOf(':')
  return colon === -1 ? [undefined, name] : [name.slice(0, colon), name.slice(colon + 1)]
}
