/**
 * The functions of a table of symbols in columns, sorted by address. The table is read in pieces into one buffer; sorting
 * is that of 64-bit integers, which engines have in native code.
 *
 * @module
 */

import type { ElfFile } from '../../elf/file.ts'
import {
  EM_386,
  EM_ARM,
  EM_X86_64,
  SHF_EXECINSTR,
  SHN_LORESERVE,
  SHN_XINDEX,
  symbolTypes,
} from '../../elf/format.ts'
import type { ElfSection } from '../../elf/headers.ts'

/** Functions sorted by address. */
export interface FunctionColumns {
  /** Bytes from the start of the code. */
  readonly starts: Uint32Array
  /**
   * Two numbers for each. The first is its size in bytes, and in the upper bits the rank: of several symbols at one address
   * the lower is the better one. The second is where the name is in the string table.
   *
   * They are written in the order of the symbol table, which is not that of addresses: side by side, they cost one access to
   * memory that is not in a cache, and not two.
   */
  readonly details: Uint32Array
  /** Whether some reach into others. */
  readonly nested: boolean
}

/** Where the rank of a symbol is in its size. */
export const RANK_SHIFT = 28
/** Symbols without a size, while the index is built: it is then the most that there can be. */
const NO_SIZE = 1 << 27
/** The bits of a size without its rank. */
export const EXTENT_MASK: number = (1 << RANK_SHIFT) - 1
const MAX_SIZE = NO_SIZE - 1

/** More symbols than any program has. */
const MAX_SYMBOLS = 20_000_000
/** Symbols that are read at once. */
const PIECE = 1 << 14
/** Rank of symbols that are not functions. */
const NOT_A_FUNCTION = 0xff
/** Ranks from here on are of labels, which count only where no function is. */
const LABEL = 6

/**
 * Reads the functions of a table: symbols of functions and of indirect functions, and labels of assembly in executable
 * sections where no function is. One without a size extends to the next, or to the end of its section.
 *
 * @param base address where the code starts
 * @param size bytes of the code; what lies elsewhere is not taken
 * @throws ObjectFileError when the table is damaged
 */
export function collectFunctions(
  elf: ElfFile,
  table: ElfSection,
  base: number,
  size: number,
): FunctionColumns {
  const entry = elf.layout.symbol.size
  if (table.size % entry !== 0) throw elf.error(`Symbol table of ${table.size} bytes`, table)
  const count = table.size / entry
  if (count > MAX_SYMBOLS) throw elf.error(`${count} symbols, more than ${MAX_SYMBOLS}`, table)
  return compact(readColumns(new TableReader(elf, table, base, size), count), size)
}

/** The columns as they are read: with symbols that others make superfluous. */
type RawColumns = Omit<FunctionColumns, 'nested'>

function readColumns(reader: TableReader, count: number): RawColumns {
  const keys = new BigUint64Array(count)
  const words = new Uint32Array(keys.buffer)
  let length = 0
  // The upper word is the address, so that keys sort by it, then by rank, then by the order of the table.
  reader.eachFunction((index, start, rank) => {
    words[2 * length] = (rank << RANK_SHIFT) | index
    words[2 * length + 1] = start
    length++
  })
  keys.subarray(0, length).sort()
  const starts = new Uint32Array(length)
  // Where the symbol of each number is among the sorted ones, from 1 on.
  const places = new Uint32Array(count)
  for (let i = 0; i < length; i++) {
    starts[i] = words[2 * i + 1]!
    places[words[2 * i]! & EXTENT_MASK] = i + 1
  }
  const details = new Uint32Array(2 * length)
  reader.eachFunction((index, start, rank) => {
    const place = places[index]! - 1
    // The file may have changed since the first pass.
    if (place < 0) return
    details[2 * place] = ((rank << RANK_SHIFT) | reader.extent(start)) >>> 0
    details[2 * place + 1] = reader.nameOffset
  })
  return { starts, details }
}

/** Gives sizes to symbols without one, and drops those that others make superfluous. */
function compact({ starts, details }: RawColumns, codeSize: number): FunctionColumns {
  let next = codeSize
  for (let i = starts.length - 1; i >= 0; i--) {
    if (i + 1 < starts.length && starts[i + 1] !== starts[i]) next = starts[i + 1]!
    const size = details[2 * i]! & EXTENT_MASK
    if ((size & NO_SIZE) === 0) continue
    const most = Math.min(size & MAX_SIZE, next - starts[i]!)
    details[2 * i] = ((details[2 * i]! & ~EXTENT_MASK) | most) >>> 0
  }
  let length = 0
  let nested = false
  /** Greatest end of what was kept, and of the functions among it. */
  let [end, functionEnd] = [0, 0]
  /** The best symbol at the current address. */
  let first = -1
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i]!
    const size = details[2 * i]! & EXTENT_MASK
    const rank = details[2 * i]! >>> RANK_SHIFT
    if (size === 0 || (rank >= LABEL && start < functionEnd)) continue
    if (first < 0 || starts[first] !== start) first = length
    else if (rank > details[2 * first]! >>> RANK_SHIFT && size <= (details[2 * first]! & EXTENT_MASK))
      continue
    if (start < end && first === length) nested = true
    starts[length] = start
    details[2 * length] = details[2 * i]!
    details[2 * length + 1] = details[2 * i + 1]!
    length++
    end = Math.max(end, start + size)
    if (rank < LABEL) functionEnd = Math.max(functionEnd, start + size)
  }
  if (length === starts.length) return { starts, details, nested }
  return { starts: starts.slice(0, length), details: details.slice(0, 2 * length), nested }
}

/** Passes over the table of a file. */
class TableReader {
  /** Of the current symbol. */
  nameOffset = 0
  readonly #elf: ElfFile
  readonly #table: ElfSection
  readonly #base: number
  readonly #size: number
  readonly #ranks: Uint8Array
  readonly #buffer: Uint8Array
  #section = 0
  #symbolSize = 0

  constructor(elf: ElfFile, table: ElfSection, base: number, size: number) {
    this.#elf = elf
    this.#table = table
    this.#base = base
    this.#size = size
    this.#ranks = ranksByInfo(elf.machine)
    this.#buffer = new Uint8Array(Math.min(PIECE * elf.layout.symbol.size, table.size))
  }

  /** Calls back for each symbol of a function within the code, in the order of the table. */
  eachFunction(use: (index: number, start: number, rank: number) => void): void {
    const { layout, byteOrder, machine, sections } = this.#elf
    const fields = layout.symbol
    const wide = layout.bits === 64
    const little = byteOrder === 'little'
    const [low, high] = little ? [0, 4] : [4, 0]
    const { offset, size } = this.#table
    for (let at = 0; at < size; at += this.#buffer.length) {
      const bytes = this.#elf.bytes(offset + at, Math.min(this.#buffer.length, size - at), this.#buffer)
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
      for (let place = 0; place + fields.size <= bytes.length; place += fields.size) {
        const rank = this.#ranks[bytes[place + fields.info]!]!
        if (rank === NOT_A_FUNCTION) continue
        const section = view.getUint16(place + fields.section, little)
        if (section === 0 || (section >= SHN_LORESERVE && section !== SHN_XINDEX)) continue
        if (rank >= LABEL && ((sections[section]?.flags ?? 0) & SHF_EXECINSTR) === 0) continue
        this.nameOffset = view.getUint32(place, little)
        if (this.nameOffset === 0) continue
        let address = view.getUint32(place + fields.value + (wide ? low : 0), little)
        // The lowest bit of an address says that the function is written in Thumb.
        if (machine === EM_ARM) address -= address % 2
        if (wide) address += view.getUint32(place + fields.value + high, little) * 2 ** 32
        const start = address - this.#base
        if (start < 0 || start >= this.#size) continue
        this.#section = section
        const above = wide ? view.getUint32(place + fields.bytes + high, little) : 0
        const bytesOf = view.getUint32(place + fields.bytes + (wide ? low : 0), little)
        this.#symbolSize = above === 0 ? bytesOf : MAX_SIZE
        use((at + place) / fields.size, start, rank)
      }
    }
  }

  /** Size of the current symbol; where it has none, the most that it can be, and a mark. */
  extent(start: number): number {
    if (this.#symbolSize > 0) return Math.min(this.#symbolSize, MAX_SIZE)
    const section = this.#elf.sections[this.#section]
    const end = section === undefined ? this.#size : section.address + section.size - this.#base
    return NO_SIZE | Math.max(0, Math.min(end, this.#size, start + MAX_SIZE) - start)
  }
}

/** The rank of a symbol by its `st_info`: functions before indirect ones before labels, global before weak before local. */
function ranksByInfo(machine: number): Uint8Array {
  const bindings = [2, 0, 1]
  const types: readonly number[] = [symbolTypes.func, symbolTypes.ifunc, symbolTypes.notype]
  // Elsewhere, most local symbols without a type mark where data begins within code.
  const labels = machine === EM_X86_64 || machine === EM_386
  return Uint8Array.from({ length: 256 }, (_, info) => {
    const type = types.indexOf(info & 0x0f)
    const binding = bindings[info >> 4] ?? 0
    if (type === -1 || (type === 2 && binding === 2 && !labels)) return NOT_A_FUNCTION
    return 3 * type + binding
  })
}
