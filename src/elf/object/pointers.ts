/**
 * Pointers in variables, such as tables of strings or functions. Nothing gives them addresses that a program could use,
 * neither libbpf nor the kernel: programs that use such a variable are not loaded.
 *
 * Source: libbpf `bpf_object__elf_collect`, which skips the relocations of data sections.
 *
 * @module
 */

import { countUpTo } from '../../base/sorted.ts'
import type { UndefinedExtern } from '../../programs/extern-spec.ts'
import type { ElfFile, ElfRelocation } from '../file.ts'
import type { ElfSection } from '../headers.ts'
import type { ElfSymbol } from '../symbol-table.ts'
import type { ObjectFunction } from './code.ts'
import type { ObjectSymbols } from './symbols.ts'

/** What lies in a section, in order. */
interface Contents {
  readonly section: ElfSection
  readonly variables: readonly ElfSymbol[]
  readonly pointers: readonly ElfRelocation[]
}

/**
 * Turns references to variables with pointers in them into references to externs that nothing defines.
 *
 * @returns these externs
 */
export function findPointers(
  elf: ElfFile,
  symbols: ObjectSymbols,
  functions: readonly ObjectFunction[],
): UndefinedExtern[] {
  const relocated = elf.sections.filter(
    each =>
      each.size > 0 && (symbols.isData(each) || symbols.isArena(each)) && elf.relocations(each).length > 0,
  )
  return relocated.length === 0 ? [] : poison(elf, relocated, functions)
}

/** Makes externs of the variables of these sections that have pointers in them. */
function poison(
  elf: ElfFile,
  relocated: readonly ElfSection[],
  functions: readonly ObjectFunction[],
): UndefinedExtern[] {
  const sections = new Map<string, Contents>()
  for (const section of relocated) {
    const pointers = elf.relocations(section).sort((a, b) => a.offset - b.offset)
    const variables = elf
      .symbolsIn(section)
      .filter(({ type }) => type === 'object')
      .sort((a, b) => a.value - b.value)
    sections.set(section.name, { section, variables, pointers })
  }
  const found = new Map<string, UndefinedExtern>()
  for (const { instructions } of functions) {
    for (const instruction of instructions) {
      const { reference } = instruction
      if (reference?.kind !== 'map_value') continue
      const contents = sections.get(reference.name)
      const reason = contents && whyUnusable(elf, contents, reference.offset)
      if (reason === undefined) continue
      const name = `${reference.name}+${reference.offset}`
      found.set(name, { kind: 'undefined', name, essentialName: name, weak: false, typeId: 0, reason })
      instruction.reference = { kind: 'extern', name, addend: 0 }
    }
  }
  return [...found.values()]
}

/** Why the variable at an offset cannot be used; `undefined` when no pointer is in it. */
function whyUnusable(
  elf: ElfFile,
  { section, variables, pointers }: Contents,
  offset: number,
): string | undefined {
  const last = variables[countUpTo(variables, offset, each => each.value) - 1]
  const owner = last !== undefined && offset < last.value + last.size ? last : undefined
  // Without a symbol it is not known where the variable ends.
  const [start, end] = owner === undefined ? [offset, section.size] : [owner.value, owner.value + owner.size]
  const pointer = pointers[countUpTo(pointers, start - 1, each => each.offset)]
  if (pointer === undefined || pointer.offset >= end) return undefined
  const { symbol } = pointer
  const target = symbol.name === '' ? (elf.sectionOf(symbol)?.name ?? 'nothing') : symbol.name
  return `variable ${owner?.name ?? `at ${offset}`} of section ${section.name} holds a pointer to ${target}, which has no address in the kernel; let the program choose, with an array of values or a switch`
}
