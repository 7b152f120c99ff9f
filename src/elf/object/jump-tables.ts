/**
 * Tables of code addresses that `gotox` jumps through. A compiler gives them as offsets of instructions; here they
 * become labels, which stay right when functions are joined or edited.
 *
 * Source: libbpf `create_jt_map`, `bpf_object__reloc_code`; LLVM 22 `BPFAsmPrinter::emitJumpTableInfo`.
 *
 * @module
 */

import { INSTRUCTION_SIZE, type Instruction, type Reference, slotCount } from '../../asm/instruction.ts'
import { countUpTo } from '../../base/sorted.ts'
import type { ElfFile } from '../file.ts'
import type { ElfSection } from '../headers.ts'
import type { ElfSymbol } from '../symbol-table.ts'

/** Bytes of an entry: an offset in the section of the code. */
const ENTRY_SIZE = 8

/** A function whose code a table has. */
interface TableUser {
  readonly name: string
  /** Byte offset in its section. */
  readonly offset: number
  readonly instructions: readonly Instruction[]
}

/** The tables of a section. */
interface Tables {
  /** Their symbols in the order of their starts. */
  readonly sorted: readonly ElfSymbol[]
  /** Of the tables up to each of these, the one that ends last: if another covers what is behind its start, this does too. */
  readonly longest: readonly ElfSymbol[]
}

function tablesOf(symbols: readonly ElfSymbol[]): Tables {
  const sorted = symbols.filter(isTable).sort((a, b) => a.value - b.value)
  const longest: ElfSymbol[] = []
  for (const symbol of sorted) {
    const last = longest.at(-1)
    longest.push(last !== undefined && endOf(last) >= endOf(symbol) ? last : symbol)
  }
  return { sorted, longest }
}

function isTable({ type }: ElfSymbol): boolean {
  return type === 'object'
}

function covers(symbol: ElfSymbol, at: number): boolean {
  return symbol.value <= at && at < endOf(symbol)
}

function endOf({ value, size }: ElfSymbol): number {
  return value + size
}

/** The jump tables of an object. */
export class JumpTables {
  readonly #elf: ElfFile
  readonly #labels = new Map<string, readonly string[]>()
  readonly #tables = new Map<ElfSection, Tables>()
  readonly #functions = new Map<TableUser, Map<number, Instruction>>()
  /** Entries that may still be read: tables can be shared, and read for each function that uses them. */
  #left: number

  constructor(elf: ElfFile) {
    this.#elf = elf
    this.#left = (elf.fileSize * elf.limits.maxOverlap) / ENTRY_SIZE
  }

  /**
   * The reference of a load of a table; what its entries lead to gets labels.
   *
   * @param code the section of the function
   * @param user the function that has the load
   * @param symbol what the load refers to, in the section of the tables
   * @param at byte offset in that section
   * @throws ObjectFileError when an entry is not an instruction of the function
   */
  reference(code: ElfSection, user: TableUser, symbol: ElfSymbol, at: number): Reference {
    const section = this.#elf.sections[symbol.section]!
    const { name, start, end } = this.#tableAt(section, symbol, at)
    const key = `${code.index} ${user.offset} ${start}`
    let labels = this.#labels.get(key)
    if (labels === undefined) {
      labels = this.#read(section, user, start, end)
      this.#labels.set(key, labels)
    }
    return { kind: 'jump_table', name, labels, offset: at - start }
  }

  /** The table that an offset lies in: that of the symbol, or of the one that covers it. */
  #tableAt(section: ElfSection, symbol: ElfSymbol, at: number): { name: string; start: number; end: number } {
    const table = isTable(symbol) && covers(symbol, at) ? symbol : this.#covering(section, at)
    const { name, value: start, size } = table ?? { name: section.name, value: 0, size: section.size }
    const end = start + size
    if (start % ENTRY_SIZE !== 0 || size % ENTRY_SIZE !== 0 || size === 0 || end > section.size)
      throw this.#elf.error(
        `Jump table ${name} of ${size} bytes is not made of whole entries`,
        section,
        start,
      )
    return { name, start, end }
  }

  /** The symbol of the table that an offset lies in. */
  #covering(section: ElfSection, at: number): ElfSymbol | undefined {
    let tables = this.#tables.get(section)
    if (tables === undefined) {
      tables = tablesOf(this.#elf.symbolsIn(section))
      this.#tables.set(section, tables)
    }
    const longest = tables.longest[countUpTo(tables.sorted, at, each => each.value) - 1]
    return longest !== undefined && covers(longest, at) ? longest : undefined
  }

  #read(section: ElfSection, user: TableUser, start: number, end: number): readonly string[] {
    this.#left -= (end - start) / ENTRY_SIZE
    if (this.#left < 0) throw this.#elf.error('Jump tables overlap', section, start)
    const reader = this.#elf.reader(section)
    const targets = this.#instructions(user)
    const labels: string[] = []
    for (let at = start; at < end; at += ENTRY_SIZE) {
      const target = reader.size(at) - user.offset
      const instruction = targets.get(target)
      if (instruction === undefined)
        throw this.#elf.error(
          `Jump table entry leads to no instruction of function ${user.name}`,
          section,
          at,
        )
      instruction.symbol ??= `${user.name}@${target / INSTRUCTION_SIZE}`
      labels.push(instruction.symbol)
    }
    return labels
  }

  /** The instructions of a function by byte offset. Each has the line that holds for it: a label looks like a start. */
  #instructions(user: TableUser): ReadonlyMap<number, Instruction> {
    let byOffset = this.#functions.get(user)
    if (byOffset !== undefined) return byOffset
    byOffset = new Map()
    this.#functions.set(user, byOffset)
    let offset = 0
    let source: Instruction['source']
    for (const instruction of user.instructions) {
      source = instruction.source ?? source
      if (source !== undefined) instruction.source = source
      byOffset.set(offset, instruction)
      offset += slotCount(instruction) * INSTRUCTION_SIZE
    }
    return byOffset
  }
}
