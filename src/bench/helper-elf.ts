/**
 * Writes a static ELF64 executable with one segment and a symbol table: as much as the kernel needs to run it, and a
 * uprobe to find functions in it. Pure.
 *
 * Source: System V ABI, chapters 4 and 5; the processor supplements for x86-64 and AArch64.
 *
 * @module
 */

import type { HelperArchitecture, HelperCode } from './helper-code.ts'

const MACHINES: Readonly<Record<HelperArchitecture, number>> = { x64: 62, arm64: 183 }
/** Greatest page size of the architectures. */
const ALIGNMENT = 0x10000
const LOAD_ADDRESS = 0x400000

const EHDR_SIZE = 64
const PHDR_SIZE = 56
const SHDR_SIZE = 64
const SYM_SIZE = 24
const CODE_OFFSET = 0x100

/** `PT_LOAD`, readable and executable; `PT_GNU_STACK`, readable and writable. */
const [PT_LOAD, PT_GNU_STACK, PF_RX, PF_RW] = [1, 0x6474e551, 5, 6]
/** Section types and flags. */
const [SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHF_ALLOC_EXECINSTR] = [1, 2, 3, 6]
/** `STB_GLOBAL << 4 | STT_FUNC`. */
const GLOBAL_FUNCTION = 0x12
/** Index of `.text` in the section table below. */
const TEXT = 1

/** Text to offsets in a string table. */
class StringTable {
  #bytes = '\0'

  add(text: string): number {
    const at = this.#bytes.length
    this.#bytes += `${text}\0`
    return at
  }

  get bytes(): Uint8Array {
    return new TextEncoder().encode(this.#bytes)
  }
}

interface Section {
  readonly name: string
  readonly type: number
  readonly content: Uint8Array
  readonly flags?: number
  readonly address?: number
  readonly link?: number
  readonly info?: number
  readonly alignment: number
  readonly entrySize?: number
}

/** An executable file with this code, and a symbol for each of its functions. */
export function helperElf(architecture: HelperArchitecture, code: HelperCode): Uint8Array {
  const names = new StringTable()
  const symbols = new Uint8Array((code.functions.length + 1) * SYM_SIZE)
  const view = new DataView(symbols.buffer)
  for (const [i, { name, offset, size }] of code.functions.entries()) {
    const at = (i + 1) * SYM_SIZE
    view.setUint32(at, names.add(name), true)
    view.setUint8(at + 4, GLOBAL_FUNCTION)
    view.setUint16(at + 6, TEXT, true)
    view.setBigUint64(at + 8, BigInt(LOAD_ADDRESS + CODE_OFFSET + offset), true)
    view.setBigUint64(at + 16, BigInt(size), true)
  }
  const text: Section = {
    name: '.text',
    type: SHT_PROGBITS,
    content: code.bytes,
    flags: SHF_ALLOC_EXECINSTR,
    address: LOAD_ADDRESS + CODE_OFFSET,
    alignment: 16,
  }
  const sections: Section[] = [
    text,
    {
      name: '.symtab',
      type: SHT_SYMTAB,
      content: symbols,
      link: 3,
      info: 1,
      alignment: 8,
      entrySize: SYM_SIZE,
    },
    { name: '.strtab', type: SHT_STRTAB, content: names.bytes, alignment: 1 },
  ]
  const sectionNames = new StringTable()
  const nameOffsets = [...sections.map(({ name }) => name), '.shstrtab'].map(name => sectionNames.add(name))
  sections.push({ name: '.shstrtab', type: SHT_STRTAB, content: sectionNames.bytes, alignment: 1 })

  const offsets: number[] = []
  let end = CODE_OFFSET
  for (const { content, alignment } of sections) {
    end = align(end, alignment)
    offsets.push(end)
    end += content.length
  }
  const table = align(end, 8)
  const file = new Uint8Array(table + (sections.length + 1) * SHDR_SIZE)
  writeHeaders(new DataView(file.buffer), architecture, code, table, sections.length + 1)
  for (const [i, section] of sections.entries()) {
    file.set(section.content, offsets[i]!)
    const at = table + (i + 1) * SHDR_SIZE
    writeSection(new DataView(file.buffer, at, SHDR_SIZE), section, nameOffsets[i]!, offsets[i]!)
  }
  return file
}

function writeHeaders(
  view: DataView,
  architecture: HelperArchitecture,
  code: HelperCode,
  sectionTable: number,
  sectionCount: number,
): void {
  const u64 = (offset: number, value: number): void => view.setBigUint64(offset, BigInt(value), true)
  // EI_MAG, ELFCLASS64, ELFDATA2LSB, EV_CURRENT.
  view.setUint32(0, 0x7f454c46)
  view.setUint32(4, 0x02010100)
  view.setUint16(16, 2, true) // ET_EXEC
  view.setUint16(18, MACHINES[architecture], true)
  view.setUint32(20, 1, true) // EV_CURRENT
  u64(24, LOAD_ADDRESS + CODE_OFFSET + code.entry)
  u64(32, EHDR_SIZE) // program headers
  u64(40, sectionTable)
  for (const [offset, value] of [
    [52, EHDR_SIZE],
    [54, PHDR_SIZE],
    [56, 2],
    [58, SHDR_SIZE],
    [60, sectionCount],
    [62, sectionCount - 1], // .shstrtab is the last
  ] as const) {
    view.setUint16(offset, value, true)
  }
  const load = EHDR_SIZE
  view.setUint32(load, PT_LOAD, true)
  view.setUint32(load + 4, PF_RX, true)
  u64(load + 16, LOAD_ADDRESS)
  u64(load + 24, LOAD_ADDRESS)
  u64(load + 32, CODE_OFFSET + code.bytes.length)
  u64(load + 40, CODE_OFFSET + code.bytes.length)
  u64(load + 48, ALIGNMENT)
  view.setUint32(load + PHDR_SIZE, PT_GNU_STACK, true)
  view.setUint32(load + PHDR_SIZE + 4, PF_RW, true)
}

function writeSection(view: DataView, section: Section, name: number, offset: number): void {
  const { type, flags = 0, address = 0, content, link = 0, info = 0, alignment, entrySize = 0 } = section
  view.setUint32(0, name, true)
  view.setUint32(4, type, true)
  const rest = [flags, address, offset, content.length]
  for (const [i, value] of rest.entries()) view.setBigUint64(8 + 8 * i, BigInt(value), true)
  view.setUint32(40, link, true)
  view.setUint32(44, info, true)
  view.setBigUint64(48, BigInt(alignment), true)
  view.setBigUint64(56, BigInt(entrySize), true)
}

function align(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment
}
