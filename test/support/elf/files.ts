/**
 * ELF files for tests: hand-made ones, and damaged copies of real ones.
 *
 * @module
 */

import type { ByteOrder } from '../../../src/base/bytes.ts'
import { EM_BPF, ET_REL, SHF_EXECINSTR, sectionTypes } from '../../../src/elf/file.ts'

/** A section of a hand-made file. The string, symbol and relocation tables are added. */
export interface TestSection {
  name: string
  /** Default: `progbits`. */
  type?: number
  flags?: number
  data?: Uint8Array
  /** Default: the length of `data`. */
  size?: number
  relocations?: { offset: number; symbol: number }[]
}

/** A symbol; the index of its section counts from 1, and symbols from 1 too. */
export interface TestSymbol {
  name: string
  type?: 'notype' | 'object' | 'func' | 'section'
  binding?: 'local' | 'global' | 'weak'
  section: number
  value?: number
  size?: number
}

/** What to make a file of. */
export interface TestElf {
  sections: TestSection[]
  symbols?: TestSymbol[]
  machine?: number
  type?: number
  byteOrder?: ByteOrder
}

const SYMBOL_TYPES = { notype: 0, object: 1, func: 2, section: 3 }
const BINDINGS = { local: 0, global: 1, weak: 2 }

/** A code section. */
export function code(
  name: string,
  instructions: readonly bigint[],
  more: Partial<TestSection> = {},
): TestSection {
  const data = new Uint8Array(instructions.length * 8)
  const view = new DataView(data.buffer)
  instructions.forEach((each, i) => {
    view.setBigUint64(i * 8, each, true)
  })
  return { name, flags: SHF_EXECINSTR, data, ...more }
}

/** Instructions as little-endian 64-bit numbers. */
export const instructions = {
  exit: 0x95n,
  /** `r0 = 0` */
  zero: 0xb7n,
  /** First slot of `r1 = 0 ll`; the second is 0. */
  load64: 0x0118n,
  /** `call` of a BPF function, at a distance in instructions. */
  call: (distance: number): bigint => 0x1085n | (BigInt.asUintN(32, BigInt(distance)) << 32n),
} as const

/** Writes an ELF64 file, in the order: header, contents, section headers. */
export function elf({
  sections,
  symbols = [],
  machine = EM_BPF,
  type = ET_REL,
  byteOrder = 'little',
}: TestElf): Uint8Array {
  const little = byteOrder === 'little'
  const symbolNames = strings(symbols.map(({ name }) => name))
  const table = new Uint8Array((symbols.length + 1) * 24)
  const tableView = new DataView(table.buffer)
  symbols.forEach((symbol, i) => {
    const at = (i + 1) * 24
    tableView.setUint32(at, symbolNames.offsets[i]!, little)
    tableView.setUint8(
      at + 4,
      (BINDINGS[symbol.binding ?? 'global'] << 4) | SYMBOL_TYPES[symbol.type ?? 'func'],
    )
    tableView.setUint16(at + 6, symbol.section, little)
    tableView.setBigUint64(at + 8, BigInt(symbol.value ?? 0), little)
    tableView.setBigUint64(at + 16, BigInt(symbol.size ?? 0), little)
  })
  const symtab = sections.length + 1
  const all: (TestSection & { link?: number; info?: number })[] = [
    ...sections,
    { name: '.symtab', type: sectionTypes.symtab, data: table, link: symtab + 1 },
    { name: '.strtab', type: sectionTypes.strtab, data: symbolNames.bytes },
    ...sections.flatMap(({ name, relocations }, i) =>
      relocations === undefined
        ? []
        : [
            {
              name: `.rel${name}`,
              type: sectionTypes.rel,
              data: rel(relocations, little),
              link: symtab,
              info: i + 1,
            },
          ],
    ),
  ]
  const names = strings([...all.map(({ name }) => name), '.shstrtab'])
  all.push({ name: '.shstrtab', type: sectionTypes.strtab, data: names.bytes })

  const offsets: number[] = []
  let end = 64
  for (const { data } of all) {
    offsets.push(end)
    end += Math.ceil((data?.length ?? 0) / 8) * 8
  }
  const bytes = new Uint8Array(end + (all.length + 1) * 64)
  const view = new DataView(bytes.buffer)
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, little ? 1 : 2, 1])
  view.setUint16(16, type, little)
  view.setUint16(18, machine, little)
  view.setBigUint64(40, BigInt(end), little)
  view.setUint16(58, 64, little)
  view.setUint16(60, all.length + 1, little)
  view.setUint16(62, all.length, little)
  all.forEach((section, i) => {
    const at = end + (i + 1) * 64
    const data = section.data ?? new Uint8Array(0)
    bytes.set(data, offsets[i]!)
    view.setUint32(at, names.offsets[i]!, little)
    view.setUint32(at + 4, section.type ?? sectionTypes.progbits, little)
    view.setBigUint64(at + 8, BigInt(section.flags ?? 0), little)
    view.setBigUint64(at + 24, BigInt(offsets[i]!), little)
    view.setBigUint64(at + 32, BigInt(section.size ?? data.length), little)
    view.setUint32(at + 40, section.link ?? 0, little)
    view.setUint32(at + 44, section.info ?? 0, little)
  })
  return bytes
}

function strings(texts: readonly string[]): { bytes: Uint8Array; offsets: number[] } {
  const offsets: number[] = []
  let end = 1
  for (const text of texts) {
    offsets.push(end)
    end += Buffer.byteLength(text) + 1
  }
  return { bytes: new TextEncoder().encode(`\0${texts.map(text => `${text}\0`).join('')}`), offsets }
}

function rel(relocations: readonly { offset: number; symbol: number }[], little: boolean): Uint8Array {
  const bytes = new Uint8Array(relocations.length * 16)
  const view = new DataView(bytes.buffer)
  relocations.forEach(({ offset, symbol }, i) => {
    view.setBigUint64(i * 16, BigInt(offset), little)
    view.setBigUint64(i * 16 + 8, (BigInt(symbol) << 32n) | 1n, little)
  })
  return bytes
}
