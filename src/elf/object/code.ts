/**
 * Code sections to functions: each with its name, its references, its source lines and its CO-RE relocations.
 *
 * Source: libbpf `bpf_object__add_programs`, `bpf_program__record_reloc`, `bpf_object__reloc_code`.
 *
 * @module
 */

import { BPF_PSEUDO_CALL, BPF_PSEUDO_FUNC } from '../../abi/constants.ts'
import { decodeInstructions } from '../../asm/decode.ts'
import { INSTRUCTION_SIZE, type Instruction, type Reference, slotCount } from '../../asm/instruction.ts'
import { CALL, LDIMM64 } from '../../asm/opcodes.ts'
import { countUpTo } from '../../base/sorted.ts'
import type { CoreRecord, ExtInfo, FunctionRecord, LineRecord } from '../../btf/ext.ts'
import type { ElfFile, ElfRelocation } from '../file.ts'
import { R_BPF_64_ABS32, SHN_COMMON } from '../format.ts'
import type { ElfSection } from '../headers.ts'
import type { ElfSymbol } from '../symbol-table.ts'
import { JumpTables } from './jump-tables.ts'
import { JUMP_TABLES, type NamedSymbol, type ObjectSymbols } from './symbols.ts'

/** Where the immediate lies in an instruction. */
const IMMEDIATE = 4

/** A function of an object file. */
export interface ObjectFunction {
  /** Name; static functions that share one get a number behind it. */
  readonly name: string
  readonly section: ElfSection
  /** Byte offset in the section. */
  readonly offset: number
  readonly symbol: ElfSymbol
  readonly instructions: Instruction[]
}

/**
 * Decodes every function of the code sections.
 *
 * @throws ObjectFileError also when functions share so many bytes that they are larger than the file
 */
export function readFunctions(
  elf: ElfFile,
  sections: readonly ElfSection[],
  symbols: ObjectSymbols,
  info: ExtInfo | undefined,
): ObjectFunction[] {
  const records = info === undefined ? undefined : new RecordIndex(elf, info)
  const tables = new JumpTables(elf)
  let budget = elf.fileSize * elf.limits.maxOverlap
  return sections.flatMap(section => {
    const functions = symbols.functionsIn(section).map(named => {
      budget -= named.size
      if (budget < 0) throw elf.error('Functions overlap', section, named.symbol.value)
      return readFunction(elf, section, named)
    })
    if (records !== undefined) annotate(elf, section, functions, records)
    const relocated = applyRelocations(elf, section, functions, symbols, tables)
    for (const each of functions) nameLocalCalls(elf, each, symbols, relocated)
    return functions
  })
}

/** Cuts the function of a symbol out of its section. */
function readFunction(
  elf: ElfFile,
  section: ElfSection,
  { name, symbol, size }: NamedSymbol,
): ObjectFunction {
  const offset = symbol.value
  const data = elf.data(section)
  if (offset % INSTRUCTION_SIZE !== 0 || size % INSTRUCTION_SIZE !== 0 || size === 0) {
    throw elf.error(`Function ${name} of ${size} bytes is not made of whole instructions`, section, offset)
  }
  if (offset + size > data.length) {
    throw elf.error(`Function ${name} of ${size} bytes does not end within its section`, section, offset)
  }
  const where = { section: section.name, offset, ...(elf.file === undefined ? {} : { file: elf.file }) }
  const instructions = decodeInstructions(data.subarray(offset, offset + size), elf.byteOrder, where)
  instructions[0]!.symbol = name
  return { name, section, offset, symbol, instructions }
}

/**
 * The instructions of all functions by slot of the section; where functions overlap, those of the last one. `null` is
 * the second slot of an instruction.
 */
function instructionsBySlot(functions: readonly ObjectFunction[]): (Instruction | null | undefined)[] {
  const bySlot: (Instruction | null | undefined)[] = []
  for (const { offset, instructions } of functions) {
    let slot = offset / INSTRUCTION_SIZE
    for (const instruction of instructions) {
      bySlot[slot++] = instruction
      if (slotCount(instruction) === 2) bySlot[slot++] = null
    }
  }
  return bySlot
}

/** Attaches the records of `.BTF.ext` to the instructions that they are about. */
function annotate(
  elf: ElfFile,
  section: ElfSection,
  functions: readonly ObjectFunction[],
  info: RecordIndex,
): void {
  const starts = info.functions(section)
  const lines = info.lines(section)
  const relocations = info.relocations(section)
  for (const { offset, instructions } of functions) {
    let slot = offset / INSTRUCTION_SIZE
    for (const instruction of instructions) {
      const start = starts[slot]
      if (start !== undefined) instruction.funcTypeId = start.typeId
      const source = lines[slot]
      if (source !== undefined) {
        const { file, text, line, column } = source
        instruction.source = { file, text, line, column }
      }
      const relocation = relocations[slot]
      if (relocation !== undefined) {
        const { kind, typeId, access } = relocation
        instruction.relocation = { kind, typeId, access }
      }
      slot++
      if (instruction.opcode !== LDIMM64) continue
      if (starts[slot] !== undefined || lines[slot] !== undefined || relocations[slot] !== undefined) {
        throw elf.error(MIDDLE, section, slot * INSTRUCTION_SIZE)
      }
      slot++
    }
  }
}

const MIDDLE = '.BTF.ext record about the middle of an instruction'

/** Records by slot of the section that they are about. */
type BySlot<T> = readonly (T | undefined)[]

/** The records of `.BTF.ext` by section and slot. Sections may share a name, and so their records. */
class RecordIndex {
  readonly functions: (section: ElfSection) => BySlot<FunctionRecord>
  readonly lines: (section: ElfSection) => BySlot<LineRecord>
  readonly relocations: (section: ElfSection) => BySlot<CoreRecord>

  constructor(elf: ElfFile, info: ExtInfo) {
    this.functions = indexOf(elf, info.functions)
    this.lines = indexOf(elf, info.lines)
    this.relocations = indexOf(elf, info.relocations)
  }
}

function indexOf<T extends { offset: number }>(
  elf: ElfFile,
  records: ReadonlyMap<string, readonly T[]>,
): (section: ElfSection) => BySlot<T> {
  const indexes = new Map<string, BySlot<T>>()
  return section => {
    const known = indexes.get(section.name)
    if (known !== undefined) return known
    const index: T[] = []
    for (const record of records.get(section.name) ?? []) {
      const { offset } = record
      if (offset % INSTRUCTION_SIZE !== 0) throw elf.error(MIDDLE, section, offset)
      index[offset / INSTRUCTION_SIZE] = record
    }
    indexes.set(section.name, index)
    return index
  }
}

/** Turns ELF relocations into references; returns the instructions that got one. */
function applyRelocations(
  elf: ElfFile,
  section: ElfSection,
  functions: readonly ObjectFunction[],
  symbols: ObjectSymbols,
  tables: JumpTables,
): Set<Instruction> {
  const relocated = new Set<Instruction>()
  const relocations = elf.relocations(section)
  if (relocations.length === 0) return relocated
  const bySlot = instructionsBySlot(functions)
  for (const relocation of relocations) {
    const { offset } = relocation
    const instruction = bySlot[offset / INSTRUCTION_SIZE]
    // What linkers leave of a weak function that another one replaces has no symbol, but its relocations.
    if (instruction === undefined && offset % INSTRUCTION_SIZE === 0) continue
    const immediate = instruction === undefined ? immediateOf(relocation, bySlot) : undefined
    if (immediate !== undefined) {
      immediate.reference = { kind: 'extern', name: relocation.symbol.name, addend: Number(immediate.imm) }
      continue
    }
    if (!instruction) throw elf.error('Relocation of no instruction', section, offset)
    instruction.reference = isJumpTable(elf, relocation, instruction)
      ? tables.reference(
          section,
          lastFrom(functions, offset),
          relocation.symbol,
          relocation.symbol.value + addendOf(instruction),
        )
      : referenceOf(elf, section, relocation, instruction, symbols)
    // What the addend said is in the reference now.
    if (instruction.opcode === LDIMM64) instruction.imm = 0n
    relocated.add(instruction)
  }
  return relocated
}

function isJumpTable(elf: ElfFile, { symbol }: ElfRelocation, { opcode }: Instruction): boolean {
  return opcode === LDIMM64 && elf.sectionOf(symbol)?.name === JUMP_TABLES
}

/** The function that an offset lies in: of those that overlap the last. The list is in order, and not empty. */
function lastFrom(functions: readonly ObjectFunction[], offset: number): ObjectFunction {
  return functions[countUpTo(functions, offset, each => each.offset) - 1]!
}

/**
 * The instruction whose 32-bit immediate is a number that a linker is to put there, such as an offset in a structure of
 * the kernel; `undefined` when the relocation is another.
 */
function immediateOf(
  { type, offset, symbol }: ElfRelocation,
  bySlot: readonly (Instruction | null | undefined)[],
): Instruction | undefined {
  if (type !== R_BPF_64_ABS32 || symbol.section !== 0 || symbol.name === '') return undefined
  const instruction = bySlot[(offset - IMMEDIATE) / INSTRUCTION_SIZE]
  const has = instruction && instruction.opcode !== LDIMM64 && instruction.opcode !== CALL
  return has ? instruction : undefined
}

function referenceOf(
  elf: ElfFile,
  section: ElfSection,
  { offset, symbol }: ElfRelocation,
  instruction: Instruction,
  symbols: ObjectSymbols,
): Reference {
  const { opcode, imm } = instruction
  const named = symbol.name === '' ? (elf.sectionOf(symbol)?.name ?? 'nothing') : symbol.name
  const fail = (reason: string): Error => elf.error(`Relocation against ${named}: ${reason}`, section, offset)
  if (opcode !== LDIMM64 && opcode !== CALL) throw fail(`opcode 0x${opcode.toString(16)} cannot be relocated`)
  const target = elf.sectionOf(symbol)
  if (symbol.section === 0 || symbol.section === SHN_COMMON)
    return { kind: 'extern', name: symbol.name, addend: addendOf(instruction) }
  if (target === undefined) throw fail('the symbol is in no section')

  if (opcode === CALL) {
    if (instruction.src !== BPF_PSEUDO_CALL) throw fail('the call is not one of a BPF function')
    // Calls of static functions go through the section's symbol, with the distance in instructions.
    const at = symbol.value + (symbol.type === 'section' ? (Number(imm) + 1) * INSTRUCTION_SIZE : 0)
    return {
      kind: 'call',
      name: symbols.functionAt(target, at) ?? raise(fail(`no function at offset ${at}`)),
    }
  }
  const at = symbol.value + addendOf(instruction)
  if (symbols.isCode(target)) {
    return {
      kind: 'function',
      name: symbols.functionAt(target, at) ?? raise(fail(`no function at offset ${at}`)),
    }
  }
  if (symbols.isData(target) || symbols.isArena(target))
    return { kind: 'map_value', name: target.name, offset: at }
  const map = symbols.mapAt(target, at)
  if (map !== undefined) return { kind: 'map', name: map }
  throw fail(`section ${target.name} holds neither code, data nor maps`)
}

/** Compilers put the addend of a 64-bit load into the low half, as a signed number. */
function addendOf({ opcode, imm }: Instruction): number {
  return opcode === LDIMM64 ? Number(BigInt.asIntN(32, BigInt(imm))) : 0
}

function raise(error: Error): never {
  throw error
}

/** Calls within a section need no relocation in the file; here each gets the name of what it calls. */
function nameLocalCalls(
  elf: ElfFile,
  { section, offset, instructions }: ObjectFunction,
  symbols: ObjectSymbols,
  relocated: ReadonlySet<Instruction>,
): void {
  let next = offset
  for (const instruction of instructions) {
    const at = next
    next += slotCount(instruction) * INSTRUCTION_SIZE
    const call = instruction.opcode === CALL && instruction.src === BPF_PSEUDO_CALL
    const callback = instruction.opcode === LDIMM64 && instruction.src === BPF_PSEUDO_FUNC
    if ((!call && !callback) || relocated.has(instruction)) continue
    const distance = Number(BigInt.asIntN(32, BigInt(instruction.imm)))
    // Both count from the slot after the first, also where a second slot follows.
    const name = symbols.functionAt(section, at + (distance + 1) * INSTRUCTION_SIZE)
    if (name === undefined) throw elf.error(`Call of no function, ${distance} instructions away`, section, at)
    instruction.reference = call ? { kind: 'call', name } : { kind: 'function', name }
    if (callback) instruction.imm = 0n
  }
}
