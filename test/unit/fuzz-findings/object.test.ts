import test from 'ava'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import { jsonReplacer } from '../../../src/base/codec.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { sanitizeBtf } from '../../../src/btf/sanitize.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { parseObject } from '../../../src/elf/object/object.ts'
import { type SectionSource, type SymbolSource, writeElf } from '../../../src/elf/write.ts'
import { inspectObject } from '../../../src/inspect/inspect.ts'
import { btfOf, int, member, struct } from '../../support/btf/types.ts'
import { code } from '../../support/elf/files.ts'

const program: SectionSource = code('socket', [mov(r0, 0), exit()])
const main: SymbolSource = { name: 'main', section: 1, size: 16 }

test('errors about names of sections name the file too', t => {
  const bytes = writeElf({ sections: [program], symbols: [main] })
  const view = new DataView(bytes.buffer)
  view.setUint32(Number(view.getBigUint64(40, true)) + 64, 0xffff, true)
  t.throws(() => parseObject(bytes, 'x.o'), {
    instanceOf: ObjectFileError,
    message: /\(x\.o, section \.shstrtab, offset 0xffff\)$/,
  })
})

test('errors about types that were completed name the file too', t => {
  const types: BtfType[] = [
    int('int', 4),
    { kind: 'fwd', name: 'f', of: 'struct' },
    { kind: 'var', name: 'm', type: 5, linkage: 'static' },
    { kind: 'datasec', name: '.maps', size: 8, variables: [{ type: 3, offset: 0, size: 8 }] },
    struct('', 8, member('value', 6, 0)),
    { kind: 'ptr', name: '', type: 2 },
  ]
  const bytes = writeElf({
    sections: [
      program,
      { name: '.maps', data: new Uint8Array(8) },
      { name: '.BTF', data: btfOf(types, 'little').bytes },
    ],
    symbols: [main],
  })
  t.throws(() => parseObject(bytes, 'x.o'), {
    instanceOf: ObjectFileError,
    message:
      'Map m: the size of its value is not known: BTF type 2 (fwd f) has no size (x.o, section .maps, offset 0x0)',
  })
})

test('a section of BTF without a name is not the first header, which is of no section', t => {
  const types: BtfType[] = [{ kind: 'datasec', name: '', size: 0, variables: [] }]
  const bytes = writeElf({
    sections: [program, { name: '.BTF', data: btfOf(types, 'little').bytes }],
    symbols: [main],
  })
  const view = new DataView(bytes.buffer)
  view.setBigUint64(Number(view.getBigUint64(40, true)) + 32, 1n << 40n, true)
  t.is(parseObject(bytes).btf?.sizeOf(1), 0)
})

test('variables too far away for a member of a struct', t => {
  const types: BtfType[] = [
    int('int', 4),
    { kind: 'var', name: 'v', type: 1, linkage: 'static' },
    { kind: 'datasec', name: '.bss', size: 4, variables: [{ type: 2, offset: 2 ** 29, size: 4 }] },
  ]
  const nothing = { datasec: false, questionMark: false, func: false, globalFunc: false, float: false }
  const support = { ...nothing, declTag: false, typeTag: false, enum64: false }
  t.throws(() => sanitizeBtf(btfOf(types), support), {
    instanceOf: ObjectFileError,
    message: 'Section .bss has a variable beyond 536870911 bytes (section .BTF, offset 0x38)',
  })
})

test('an object shows no more of its variables than it may', t => {
  const bytes = writeElf({
    sections: [program, { name: '.bss', type: 8, size: 2 ** 28 }, { name: '.data', data: Uint8Array.of(7) }],
    symbols: [
      main,
      { name: 'huge', type: 'object', section: 2, size: 2 ** 28 },
      { name: 'small', type: 'object', section: 3, size: 1 },
    ],
  })
  const { variables } = inspectObject(CollectionSpec.parse(bytes))
  t.deepEqual(
    variables.map(({ name, value }) => [name, value]),
    [
      ['huge', null],
      ['small', Uint8Array.of(7)],
    ],
  )
})

test('a section that claims 4 GiB without a byte in the file is refused, unless it may', t => {
  const bytes = writeElf({
    sections: [program, { name: '.bss', type: 8, size: 2 ** 32 }],
    symbols: [main],
  })
  t.throws(() => parseObject(bytes, 'x.o'), {
    instanceOf: ObjectFileError,
    message:
      '4294967296 bytes of variables are more than 268435456 (option maxZeroBytes) (x.o, section .bss, offset 0x0)',
  })
})

test('maps of operations that are the same bytes, or have more members than bits, are refused', t => {
  const types = (members: number, second: number): BtfType[] => [
    int('int', 4),
    struct('ops', 4, ...Array.from({ length: members }, (_, i) => member(`m${i}`, 1, 0))),
    { kind: 'var', name: 'a', type: 2, linkage: 'static' },
    { kind: 'var', name: 'b', type: 2, linkage: 'static' },
    {
      kind: 'datasec',
      name: '.struct_ops',
      size: 8,
      variables: [
        { type: 3, offset: 0, size: 4 },
        { type: 4, offset: second, size: 4 },
      ],
    },
  ]
  const made = (...shape: [members: number, second: number]): Uint8Array =>
    writeElf({
      sections: [
        program,
        { name: '.struct_ops', data: new Uint8Array(8) },
        { name: '.BTF', data: btfOf(types(...shape), 'little').bytes },
      ],
      symbols: [main],
    })
  t.deepEqual([...parseObject(made(1, 4)).maps.keys()], ['a', 'b'])
  const refuses = (bytes: Uint8Array, name: string, offset: string): void => {
    const message = `Map ${name} shares its bytes with another, or with members of its own (x.o, section .struct_ops, offset ${offset})`
    t.throws(() => parseObject(bytes, 'x.o'), { instanceOf: ObjectFileError, message })
  }
  refuses(made(1, 0), 'b', '0x0')
  refuses(made(33, 4), 'a', '0x0')
})

test('limits are options', t => {
  const section = (size: number): SectionSource => ({ name: '.bss', type: 8, size })
  const zeros = writeElf({ sections: [program, section(4096)], symbols: [main] })
  t.is(parseObject(zeros).maps.get('.bss')?.valueSize, 4096)
  t.throws(() => parseObject(zeros, 'x.o', { maxZeroBytes: 4095 }), { instanceOf: ObjectFileError })

  const name = 'n'.repeat(1025)
  const named = writeElf({ sections: [program], symbols: [{ ...main, name }] })
  t.throws(() => parseObject(named, 'x.o'), {
    instanceOf: ObjectFileError,
    message: 'A name of 1025 bytes is longer than 1024 (x.o, section .strtab, offset 0x1)',
  })
  t.true(parseObject(named, 'x.o', { maxNameLength: 2000 }).programs.has(name))
})

test('names that plain objects inherit change nothing in the document', t => {
  const names = ['__proto__', 'constructor', 'toString']
  const bytes = writeElf({
    sections: [
      code('__proto__', [exit(), exit(), exit()]),
      { name: '.data.__proto__', data: new Uint8Array(24) },
    ],
    symbols: [
      ...names.map((name, i): SymbolSource => ({ name, section: 1, value: i * 8, size: 8 })),
      ...names.map((name, i): SymbolSource => ({ name, type: 'object', section: 2, value: i * 8, size: 8 })),
    ],
  })
  const document = JSON.parse(JSON.stringify(inspectObject(CollectionSpec.parse(bytes)), jsonReplacer))
  t.deepEqual(
    document.programs.map((each: { name: string }) => each.name),
    names,
  )
  t.deepEqual(
    document.variables.map((each: { name: string }) => each.name),
    names,
  )
  t.deepEqual(Object.getOwnPropertyNames(Object.prototype).includes('name'), false)
})
