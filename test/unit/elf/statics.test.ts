import test from 'ava'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { Btf } from '../../../src/btf/btf.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import { ElfFile } from '../../../src/elf/file.ts'
import { completeBtf } from '../../../src/elf/object/data.ts'
import { parseObject } from '../../../src/elf/object/object.ts'
import { type SymbolSource, writeElf } from '../../../src/elf/write.ts'
import { btfOf, int } from '../../support/btf/types.ts'
import { code } from '../../support/elf/files.ts'

/** A static variable as BTF has it, of four bytes. */
type Declared = readonly [name: string, offset: number]
/** And as the symbol table has it. */
type Placed = readonly [name: string, value: number, size?: number]

/** Name and offset of each variable of an object. */
function places(declared: readonly Declared[], placed: readonly Placed[]): [string, number][] {
  const types: BtfType[] = [
    int('int', 4),
    ...declared.map(([name]): BtfType => ({ kind: 'var', name, type: 1, linkage: 'static' })),
    {
      kind: 'datasec',
      name: '.data',
      size: 0,
      variables: declared.map(([, offset], index) => ({ type: index + 2, offset, size: 4 })),
    },
  ]
  const symbols = placed.map(
    ([name, value, size = 4]): SymbolSource => ({
      name,
      type: 'object',
      binding: 'local',
      section: 2,
      value,
      size,
    }),
  )
  const bytes = writeElf({
    sections: [
      code('socket', [mov(r0, 0), exit()]),
      { name: '.data', data: new Uint8Array(16) },
      { name: '.BTF', data: btfOf(types, 'little').bytes },
    ],
    symbols: [...symbols, { name: 'main', section: 1, size: 16 }],
    byteOrder: 'little',
  })
  const object = parseObject(bytes)
  return object.variables.map(({ name, offset }) => [name, offset])
}

test('static variables lie where the symbol table has them, whatever BTF says', t => {
  const zeros: Declared[] = [
    ['a', 0],
    ['b', 0],
    ['c', 0],
  ]
  t.deepEqual(
    places(zeros, [
      ['c', 8],
      ['a', 0],
      ['b', 4],
    ]),
    [
      ['a', 0],
      ['b', 4],
      ['c', 8],
    ],
  )
})

test('variables of functions have a number behind their name in the symbol table of gcc', t => {
  t.deepEqual(
    places(
      [
        ['count', 0],
        ['other', 0],
      ],
      [
        ['count.1', 4],
        ['other.0', 12],
      ],
    ),
    [
      ['count', 4],
      ['other', 12],
    ],
  )
})

test('offsets of BTF that agree with symbols stay, also of variables of one name', t => {
  t.deepEqual(
    places(
      [
        ['x', 8],
        ['y', 0],
      ],
      [
        ['x', 0],
        ['x', 8],
        ['y', 0],
      ],
    ),
    [
      ['y', 0],
      ['x', 8],
    ],
  )
})

test('a variable without a symbol stays where BTF has it, unless another lies there', t => {
  t.deepEqual(
    places(
      [
        ['a', 0],
        ['b', 4],
      ],
      [],
    ),
    [
      ['a', 0],
      ['b', 4],
    ],
  )
  t.deepEqual(
    places(
      [
        ['a', 0],
        ['b', 0],
        ['c', 8],
      ],
      [['a', 0]],
    ),
    [
      ['a', 0],
      ['c', 8],
    ],
  )
})

test('symbols behind the section are not looked at', t => {
  t.deepEqual(places([['a', 4]], [['a', 400]]), [['a', 4]])
})

test('the symbols of a section are read once, however many types of it there are', t => {
  const count = 20
  const types: BtfType[] = [int('int', 4), { kind: 'var', name: 'v', type: 1, linkage: 'static' }]
  const variables = [{ type: 2, offset: 0, size: 4 }]
  for (let i = 0; i < count; i++) types.push({ kind: 'datasec', name: '.data', size: 0, variables })
  const { bytes } = btfOf(types, 'little')
  const elf = ElfFile.parse(
    writeElf({
      sections: [{ name: '.data', data: new Uint8Array(16) }],
      symbols: [{ name: 'v', type: 'object', binding: 'local', section: 1, value: 4, size: 4 }],
      byteOrder: 'little',
    }),
  )
  let asked = 0
  const symbolsIn = elf.symbolsIn.bind(elf)
  elf.symbolsIn = section => {
    asked++
    return symbolsIn(section)
  }
  completeBtf(elf, Btf.parse(bytes))
  t.is(asked, 1)
})
