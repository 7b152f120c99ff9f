// What costs more than its bytes: each object here is honest in every byte, but its parts share something large.

import test from 'ava'
import { mov } from '../../../src/asm/alu.ts'
import { loadImm64 } from '../../../src/asm/calls.ts'
import { disassemble } from '../../../src/asm/disassemble.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r1 } from '../../../src/asm/registers.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import type { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { btfCodec } from '../../../src/btf/codec/codec.ts'
import { typesAreCompatible } from '../../../src/btf/core/match.ts'
import { btfToC } from '../../../src/btf/text/c-dump.ts'
import type { BtfMember, BtfType } from '../../../src/btf/types.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { sectionTypes } from '../../../src/elf/format.ts'
import { parseObject } from '../../../src/elf/object/object.ts'
import { type SectionSource, type SymbolSource, writeElf } from '../../../src/elf/write.ts'
import { inspectObject } from '../../../src/inspect/inspect.ts'
import { linkedPrograms } from '../../../src/inspect/linked.ts'
import { relocate, u32 } from '../../support/btf/core.ts'
import { extInfo } from '../../support/btf/ext-info.ts'
import { btfOf, int, member, struct } from '../../support/btf/types.ts'
import { callAt, code } from '../../support/elf/files.ts'
import { growsLinearly } from '../../support/growth.ts'

const program: SectionSource = code('socket', [mov(r0, 0), exit()])
const main: SymbolSource = { name: 'main', section: 1, size: 16 }

/** `count` things. */
function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

function btfSection(types: readonly BtfType[]): SectionSource {
  return { name: '.BTF', data: btfOf(types, 'little').bytes }
}

const array = (type: number, count: number): BtfType => ({
  kind: 'array',
  name: '',
  type,
  indexType: 1,
  count,
})
const ptr = (type: number): BtfType => ({ kind: 'ptr', name: '', type })
const variable = (name: string, type: number): BtfType => ({ kind: 'var', name, type, linkage: 'static' })

test('many sections of one name share their line records', t => {
  growsLinearly(
    t,
    size => {
      const builder = new BtfBuilder()
      const section = builder.addString('x')
      const sections = many(size, () => code('x', [exit()]))
      const symbols = sections.map((_, i): SymbolSource => ({ name: `f${i}`, section: i + 1, size: 8 }))
      const lines = [16, section, size, ...many(size, i => [i * 8, section, section, 1 << 10]).flat()]
      const data = extInfo([[], lines])
      const bytes = writeElf({
        sections: [...sections, { name: '.BTF', data: builder.build('little') }, { name: '.BTF.ext', data }],
        symbols,
      })
      return () => parseObject(bytes)
    },
    1000,
  )
})

test('many tags are on one map', t => {
  growsLinearly(
    t,
    size => {
      const types: BtfType[] = [
        int('int', 4),
        array(1, 1),
        ptr(2),
        struct('', 8, member('type', 3, 0)),
        variable('m', 4),
        { kind: 'datasec', name: '.maps', size: 8, variables: [{ type: 5, offset: 0, size: 8 }] },
        ...many(
          size,
          (i): BtfType => ({
            kind: 'decl_tag',
            name: `t${i}`,
            type: 5,
            component: -1,
            attribute: false,
          }),
        ),
      ]
      const bytes = writeElf({
        sections: [program, { name: '.maps', data: new Uint8Array(8) }, btfSection(types)],
        symbols: [main, { name: 'm', type: 'object', section: 2, size: 8 }],
      })
      return () => parseObject(bytes)
    },
    4000,
  )
})

test('many maps are of one large struct', t => {
  growsLinearly(
    t,
    size => {
      const types: BtfType[] = [
        int('int', 4),
        struct('value', 4, ...many(size, i => member(`m${i}`, 1, 0))),
        array(1, 1),
        ptr(3),
        ptr(2),
        struct('', 16, member('type', 4, 0), member('value', 5, 64)),
        ...many(size, i => variable(`m${i}`, 6)),
        {
          kind: 'datasec',
          name: '.maps',
          size: 0,
          variables: many(size, i => ({ type: 7 + i, offset: i * 16, size: 16 })),
        },
      ]
      const bytes = writeElf({
        sections: [program, { name: '.maps', data: new Uint8Array(size * 16) }, btfSection(types)],
        symbols: [main],
      })
      return () => parseObject(bytes)
    },
    1000,
  )
})

test('maps from before BTF are looked up by names that are flavours of one another', t => {
  growsLinearly(
    t,
    size => {
      const data = new Uint8Array(size * 20)
      many(size, i => {
        data[i * 20] = 1
        return data
      })
      const bytes = writeElf({
        sections: [
          program,
          { name: 'maps', data },
          btfSection(many(size, i => struct(`____btf_map_m___${i}`, 0))),
        ],
        symbols: [
          main,
          ...many(
            size,
            (i): SymbolSource => ({
              name: `m___${i}`,
              type: 'object',
              section: 2,
              value: i * 20,
              size: 20,
            }),
          ),
        ],
      })
      return () => parseObject(bytes)
    },
    1000,
  )
})

test('many members are of one large struct', t => {
  const types = (size: number): Btf =>
    btfOf([
      int('int', 4),
      struct('large', 4, ...many(size, i => member(`m${i}`, 1, 0))),
      struct('outer', 4, ...many(size, i => member(`m${i}`, 2, 0))),
    ])
  growsLinearly(
    t,
    size => {
      const btf = types(size)
      return () => btfToC(btf)
    },
    1000,
  )
  growsLinearly(
    t,
    size => {
      const btf = types(size)
      return () => btf.sizeOf(3) + many(size, () => btf.resolved(2)).length
    },
    1000,
  )
})

test('many bitfields are of one large enum', t => {
  growsLinearly(
    t,
    size => {
      const values = many(size, i => ({ name: `V${i}`, value: i }))
      const bit = (i: number): BtfMember => ({ name: `b${i}`, type: 1, bitOffset: i, bitSize: 1 })
      const btf = btfOf([
        { kind: 'enum', name: 'e', size: 4, signed: false, values },
        struct('s', size, ...many(size, bit)),
      ])
      return () => btfCodec(btf, 2)
    },
    1000,
  )
})

test('many variables are the same bytes', t => {
  growsLinearly(
    t,
    size => {
      const bytes = writeElf({
        sections: [program, { name: '.data', data: new Uint8Array(size * 100) }],
        symbols: [
          main,
          ...many(
            size,
            (i): SymbolSource => ({
              name: `v${i}`,
              type: 'object',
              section: 2,
              size: size * 100,
            }),
          ),
        ],
      })
      const spec = CollectionSpec.parse(bytes)
      return () => inspectObject(spec)
    },
    500,
  )
})

test('many instructions are of one long line', t => {
  const lengths = [1000, 2000].map(
    size =>
      disassemble(
        many(size, () => ({
          ...exit(),
          source: { file: 'f'.repeat(size), text: 'x'.repeat(size * 10), line: 1, column: 1 },
        })),
      ).length,
  )
  t.true(lengths[1]! < lengths[0]! * 3, lengths.join(' '))
})

test('many programs use the same functions', t => {
  const size = 300
  const bytes = writeElf({
    sections: [
      ...many(size, i => code(`tp/${i}`, [callAt(-1), exit()], { relocations: [{ offset: 0, symbol: 1 }] })),
      code('.text', [...many(size, () => mov(r0, 0)), exit()]),
    ],
    symbols: [
      { name: 'shared', section: size + 1, size: size * 8 + 8 },
      ...many(size, (i): SymbolSource => ({ name: `p${i}`, section: i + 1, size: 16 })),
    ],
  })
  const spec = CollectionSpec.parse(bytes)
  t.is([...linkedPrograms(spec)].length, size)
  const maxInstructions = 10 * (size + 3)
  t.is([...linkedPrograms(spec, { maxInstructions: size * (size + 3) })].length, size)
  t.throws(() => inspectObject(spec, { maxInstructions }), {
    instanceOf: ObjectFileError,
    message: `The programs have more than ${maxInstructions} instructions with the functions that they use (option maxInstructions)`,
  })
})

test('sections that share their bytes are refused', t => {
  const count = 2000
  const relocations = new Uint8Array(count * 16)
  const file = writeElf({
    sections: [
      program,
      { name: 'data', data: relocations },
      ...many(count, () => ({ name: '.rel', type: sectionTypes.rel, data: new Uint8Array(0) })),
    ],
    symbols: [main],
  })
  const view = new DataView(file.buffer)
  const table = Number(view.getBigUint64(40, true))
  const at = view.getBigUint64(table + 2 * 64 + 24, true)
  many(count, i => {
    const header = table + (3 + i) * 64
    view.setBigUint64(header + 24, at, true)
    view.setBigUint64(header + 32, BigInt(relocations.length), true)
    view.setUint32(header + 44, 1, true)
    return header
  })
  t.throws(() => parseObject(file, 'x.o'), {
    instanceOf: ObjectFileError,
    message: /^Sections overlap too often \(x\.o, offset 0x[\da-f]+\)$/,
  })
})

test('any number of relocations may be of one instruction', t => {
  growsLinearly(
    t,
    size => {
      const bytes = writeElf({
        sections: [
          code('socket', [loadImm64(r1, 0), exit()], {
            relocations: many(size, () => ({ offset: 0, symbol: 2 })),
          }),
          { name: '.data', data: new Uint8Array(8) },
        ],
        symbols: [
          { ...main, size: 24 },
          { name: 'v', type: 'object', section: 2, size: 8 },
        ],
      })
      return () => parseObject(bytes)
    },
    10_000,
  )
})

test('any number of relocations may be of any number of maps', t => {
  growsLinearly(
    t,
    size => {
      const types: BtfType[] = [
        int('int', 4),
        { kind: 'func_proto', name: '', type: 1, params: [] },
        array(1, 3), // BPF_MAP_TYPE_PROG_ARRAY
        ptr(3),
        ptr(2),
        array(5, 0),
        struct('', 8, member('type', 4, 0), member('values', 6, 64)),
        ...many(size, i => variable(`m${i}`, 7)),
        {
          kind: 'datasec',
          name: '.maps',
          size: 0,
          variables: many(size, i => ({ type: 8 + i, offset: i * 16, size: 16 })),
        },
      ]
      const maps: SectionSource = {
        name: '.maps',
        data: new Uint8Array(size * 16),
        relocations: many(size, i => ({ offset: i * 16 + 8, symbol: 1 })),
      }
      const bytes = writeElf({ sections: [program, maps, btfSection(types)], symbols: [main] })
      return () => parseObject(bytes)
    },
    4000,
  )
})

test('signatures within signatures are compared once', t => {
  const proto = (level: number): BtfType => ({
    kind: 'func_proto',
    name: '',
    type: 0,
    params: [
      { name: 'a', type: 2 * level + 1 },
      { name: 'b', type: 2 * level + 1 },
    ],
  })
  const types = [u32, ...many(20, level => [proto(level), ptr(2 * level + 2)]).flat()]
  const btf = btfOf(types)
  t.true(typesAreCompatible(btf, types.length, btf, types.length))
})

test('structs within structs are matched once', t => {
  const types = [
    u32,
    ...many(30, i => struct(`s${i}`, 4, ...many(4, () => member('m', i + 1, 0)), member('other', 1, 0))),
  ]
  const local = { kind: 'type_matches', typeId: types.length } as const
  const { failures, instructions: after } = relocate({ local: types, kernel: types }, local, mov(r1, 1))
  t.deepEqual(failures, [])
  t.is(after[0]!.imm, 1)
})
