/**
 * What the fuzzer damages: compiled objects, their BTF, their `.BTF.ext`; and where the numbers in them are.
 *
 * @module
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ByteOrder } from '../../src/base/bytes.ts'
import { BTF_LAYOUT_HEADER_SIZE } from '../../src/btf/format.ts'
import { ElfFile } from '../../src/elf/file.ts'
import { SHF_EXECINSTR, sectionTypes } from '../../src/elf/format.ts'
import type { ElfSection } from '../../src/elf/headers.ts'
import { futureBtf, futureLayout, futureStrings, futureWords } from '../../test/support/btf/future.ts'
import { compiledSwitch } from '../../test/support/elf/jump-table.ts'

/** A number in a file. */
export interface Field {
  readonly at: number
  readonly width: 1 | 2 | 4 | 8
}

/** What an input is: an object, BTF alone, or BTF followed by `.BTF.ext`. */
export type InputKind = 'object' | 'btf' | 'ext'

/** Something whole that inputs are made of. */
export interface Seed {
  readonly name: string
  readonly kind: InputKind
  readonly bytes: Uint8Array
  readonly byteOrder: ByteOrder
  /** Numbers by what they are about: headers, symbols, types and so on. None is empty. */
  readonly groups: readonly (readonly Field[])[]
  /** Where strings lie: start and end. */
  readonly strings: readonly (readonly [start: number, end: number])[]
  /** Of kind `'ext'`: bytes of the BTF, behind which the rest begins; else all bytes. */
  readonly split: number
}

const DIRECTORIES = ['test/bpf', 'examples']
/** BTF of many kinds, from `lab/generate/extract-abi-btf.ts`. */
const RAW_BTF = 'test/btf/abi.btf'

/**
 * Reads all seeds, in the order of their names.
 *
 * @param directory of other objects than those of the checkout
 */
export function readSeeds(directory?: string): Seed[] {
  if (directory !== undefined) return objectsOf(directory)
  return [...DIRECTORIES.flatMap(objectsOf), ...madeSeeds(), btfSeed(RAW_BTF, readBytes(RAW_BTF), 'little')]
}

/** What no compiler of the checkout writes: jump tables, and BTF with kinds that are not known. */
function madeSeeds(): Seed[] {
  const future = (byteOrder: ByteOrder): Uint8Array =>
    futureBtf({ words: futureWords, strings: futureStrings, layout: futureLayout, byteOrder })
  return [
    ...seedsOf('jump table', compiledSwitch()),
    btfSeed('unknown kind', future('little'), 'little'),
    btfSeed('unknown kind, big-endian', future('big'), 'big'),
  ]
}

function objectsOf(directory: string): Seed[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.o'))
    .sort()
    .map(name => join(directory, name))
    .flatMap(name => seedsOf(name, readBytes(name)))
}

function readBytes(path: string): Uint8Array {
  return new Uint8Array(readFileSync(path))
}

/** An object, and what of it can be read alone. */
export function seedsOf(name: string, bytes: Uint8Array): Seed[] {
  const elf = ElfFile.parse(bytes)
  const { byteOrder } = elf
  const seeds: Seed[] = [objectSeed(name, bytes, elf)]
  const [btf, ext] = [elf.section('.BTF'), elf.section('.BTF.ext')]
  if (btf === undefined) return seeds
  seeds.push(btfSeed(`${name} .BTF`, elf.data(btf), byteOrder))
  if (ext !== undefined)
    seeds.push(extSeed(`${name} .BTF.ext`, elf.data(btf), { bytes: elf.data(ext), byteOrder }))
  return seeds
}

function objectSeed(name: string, bytes: Uint8Array, elf: ElfFile): Seed {
  const groups: Field[][] = [fields(0, 64, ELF_HEADER)]
  const strings: [number, number][] = []
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const tableAt = Number(view.getBigUint64(40, elf.byteOrder === 'little'))
  groups.push(fields(tableAt, elf.sections.length * 64, SECTION_HEADER))
  for (const section of elf.sections) {
    const { offset, size, type } = section
    if (section.index === 0 || type === sectionTypes.nobits || size === 0) continue
    if (type === sectionTypes.strtab) strings.push([offset, offset + size])
    else if (section.name === '.BTF') {
      groups.push(...btfGroups(bytes, offset, elf.byteOrder))
      strings.push(btfStrings(bytes, offset, elf.byteOrder))
    } else groups.push(fields(offset, size, recordOf(section)))
  }
  return {
    name,
    kind: 'object',
    bytes,
    byteOrder: elf.byteOrder,
    groups: groups.filter(each => each.length > 0),
    strings,
    split: bytes.length,
  }
}

function btfSeed(name: string, bytes: Uint8Array, byteOrder: ByteOrder): Seed {
  const groups = btfGroups(bytes, 0, byteOrder)
  const strings = [btfStrings(bytes, 0, byteOrder)]
  return { name, kind: 'btf', bytes, byteOrder, groups, strings, split: bytes.length }
}

function extSeed(
  name: string,
  btf: Uint8Array,
  { bytes: ext, byteOrder }: Pick<Seed, 'bytes' | 'byteOrder'>,
): Seed {
  const bytes = new Uint8Array(btf.length + ext.length)
  bytes.set(btf)
  bytes.set(ext, btf.length)
  const groups = [fields(btf.length, 32, EXT_HEADER), fields(btf.length, ext.length, WORDS)]
  const strings = [btfStrings(btf, 0, byteOrder)]
  return { name, kind: 'ext', bytes, byteOrder, groups, strings, split: btf.length }
}

/** Widths of the fields of a record, in their order. */
type Widths = readonly Field['width'][]

const ELF_HEADER: Widths = [4, 1, 1, 1, 1, 8, 2, 2, 4, 8, 8, 8, 4, 2, 2, 2, 2, 2, 2]
const SECTION_HEADER: Widths = [4, 4, 8, 8, 8, 8, 4, 4, 8, 8]
const SYMBOL: Widths = [4, 1, 1, 2, 8, 8]
/** The type and the symbol of a relocation are halves of one number. */
const RELOCATION: Widths = [8, 4, 4]
const INSTRUCTION: Widths = [1, 1, 2, 4]
const BTF_HEADER: Widths = [2, 1, 1, 4, 4, 4, 4, 4, 4, 4]
const EXT_HEADER: Widths = [2, 1, 1, 4, 4, 4, 4, 4, 4, 4]
const LAYOUT: Widths = [1, 1, 2]
const WORDS: Widths = [4]

function recordOf({ type, flags }: ElfSection): Widths {
  if (type === sectionTypes.symtab) return SYMBOL
  if (type === sectionTypes.rel) return RELOCATION
  return type === sectionTypes.progbits && (flags & SHF_EXECINSTR) !== 0 ? INSTRUCTION : WORDS
}

/** The fields of records that fill `size` bytes. */
function fields(start: number, size: number, widths: Widths): Field[] {
  const found: Field[] = []
  let at = start
  for (let i = 0; ; i++) {
    const width = widths[i % widths.length]!
    if (at + width > start + size) return found
    found.push({ at, width })
    at += width
  }
}

function btfGroups(bytes: Uint8Array, at: number, byteOrder: ByteOrder): Field[][] {
  const [types, length] = placeOf(bytes, at, 8, byteOrder)
  const headerLength = types - at
  const groups = [fields(at, headerLength, BTF_HEADER), fields(types, length, WORDS)]
  if (headerLength < BTF_LAYOUT_HEADER_SIZE) return groups
  const [layout, layoutLength] = placeOf(bytes, at, BTF_LAYOUT_HEADER_SIZE - 8, byteOrder)
  return [...groups, fields(layout, layoutLength, LAYOUT)]
}

function btfStrings(bytes: Uint8Array, at: number, byteOrder: ByteOrder): [number, number] {
  const [start, length] = placeOf(bytes, at, 16, byteOrder)
  return [start, start + length]
}

/** Start and length of a part of BTF, from its header. */
function placeOf(
  bytes: Uint8Array,
  btf: number,
  field: number,
  byteOrder: ByteOrder,
): [start: number, length: number] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + btf)
  const word = (at: number): number => view.getUint32(at, byteOrder === 'little')
  return [btf + word(4) + word(field), word(field + 4)]
}
