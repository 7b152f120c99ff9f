import { readdirSync, readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { mov } from '../../../src/asm/alu.ts'
import { call, loadImm64 } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r1 } from '../../../src/asm/registers.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import type { BtfMember, BtfType } from '../../../src/btf/types.ts'
import { EM_X86_64, ET_EXEC, sectionTypes } from '../../../src/elf/format.ts'
import { parseObject } from '../../../src/elf/object/object.ts'
import { type SectionSource, type SymbolSource, writeElf } from '../../../src/elf/write.ts'
import { int, member, struct } from '../../support/btf/types.ts'
import { callAt, code } from '../../support/elf/files.ts'

/** The smallest object with a program. */
const program: SectionSource = code('socket', [mov(r0, 0), exit()])
const main: SymbolSource = { name: 'main', section: 1, size: 16 }

function refuses(t: ExecutionContext, bytes: Uint8Array, message: string): void {
  t.throws(() => parseObject(bytes, 'x.o'), { instanceOf: ObjectFileError, message, code: 'ERR_OBJECT_FILE' })
}

/** Milliseconds of processor time that no damaged object of some kilobytes may take; thousands of times what is normal. */
const TOO_LONG = 5000

/** Parses what may be anything: the outcome is an object or an `ObjectFileError`, before long. */
function survives(t: ExecutionContext, bytes: Uint8Array): void {
  const begin = process.cpuUsage()
  try {
    parseObject(bytes, 'x.o')
  } catch (error) {
    if (!(error instanceof ObjectFileError)) t.fail(`${(error as Error).stack}`)
  }
  const { user, system } = process.cpuUsage(begin)
  const took = (user + system) / 1000
  if (took > TOO_LONG) t.fail(`took ${took} ms`)
}

const objects = ['test/bpf', 'examples'].flatMap(directory =>
  readdirSync(directory)
    .filter(name => /\.bpf(?:eb)?\.o$/.test(name))
    .map(name => `${directory}/${name}`),
)

for (const path of objects) {
  const whole = new Uint8Array(readFileSync(path))
  const table = Number(new DataView(whole.buffer).getBigUint64(40, !path.includes('bpfeb')))

  test(`${path} cut off`, t => {
    for (let length = 0; length < whole.length; length += 64) {
      t.throws(() => parseObject(whole.subarray(0, length), 'x.o'), { instanceOf: ObjectFileError })
    }
  })

  test(`${path} with damage`, t => {
    const anywhere = fc.nat(whole.length - 1)
    const inTable = fc.integer({ min: table, max: whole.length - 1 })
    const value = fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.nat(255))
    const place = fc.oneof(anywhere, inTable, fc.nat(63))
    fc.assert(
      fc.property(fc.array(fc.tuple(place, value), { minLength: 1, maxLength: 4 }), damage => {
        const bytes = new Uint8Array(whole)
        for (const [at, byte] of damage) bytes[at] = byte
        survives(t, bytes)
      }),
      { numRuns: 150 },
    )
    t.pass()
  })

  test(`${path} with huge numbers in its headers`, t => {
    const huge = fc.constantFrom(0x7fff_ffffn, 0xffff_ffffn, 1n << 32n, (1n << 53n) - 1n, (1n << 64n) - 1n)
    const words = Math.floor((whole.length - table) / 8)
    fc.assert(
      fc.property(fc.nat(words - 1), huge, fc.boolean(), (word, number, little) => {
        const bytes = new Uint8Array(whole)
        new DataView(bytes.buffer).setBigUint64(table + word * 8, number, little)
        survives(t, bytes)
      }),
      { numRuns: 100 },
    )
    t.pass()
  })
}

test('the hand-made object is one', t => {
  const { programs } = parseObject(writeElf({ sections: [program], symbols: [main] }))
  t.deepEqual([...programs.keys()], ['main'])
})

test('objects for other machines, and other kinds of files, are refused', t => {
  const made = { sections: [program], symbols: [main] }
  refuses(
    t,
    writeElf({ ...made, machine: EM_X86_64 }),
    'Not a BPF object: it is for x86-64 (x.o, offset 0x12)',
  )
  refuses(
    t,
    writeElf({ ...made, type: ET_EXEC }),
    'Not a relocatable object: its type is 2 (x.o, offset 0x10)',
  )
  refuses(
    t,
    writeElf({ sections: [program] }),
    'The object has no symbols (x.o, section .symtab, offset 0x0)',
  )
})

test('functions that are not made of whole instructions, or end behind their section, are refused', t => {
  for (const [symbol, reason, offset] of [
    [{ size: 24 }, 'of 24 bytes does not end within its section', 0],
    [{ value: 8, size: 16 }, 'of 16 bytes does not end within its section', 8],
    [{ value: 2 ** 52, size: 8 }, 'of 8 bytes does not end within its section', 2 ** 52],
    [{ size: 12 }, 'of 12 bytes is not made of whole instructions', 0],
    [{ value: 16, size: 0 }, 'of 0 bytes is not made of whole instructions', 16],
    [{ value: 4, size: 8 }, 'of 8 bytes is not made of whole instructions', 4],
  ] as const) {
    const bytes = writeElf({ sections: [program], symbols: [{ ...main, ...symbol }] })
    refuses(t, bytes, `Function main ${reason} (x.o, section socket, offset 0x${offset.toString(16)})`)
  }
})

test('a 64-bit load cut off by the end of its function is refused', t => {
  const whole = code('socket', [mov(r0, 0), loadImm64(r1, 0)])
  const bytes = writeElf({
    sections: [{ ...whole, data: whole.data!.subarray(0, 16) }],
    symbols: [{ ...main, size: 16 }],
  })
  refuses(t, bytes, '64-bit immediate load without its second slot (x.o, section socket, offset 0x8)')
})

test('calls of no function are refused', t => {
  const calling = (distance: number) =>
    writeElf({ sections: [code('socket', [callAt(distance), exit()])], symbols: [main] })
  refuses(t, calling(0), 'Call of no function, 0 instructions away (x.o, section socket, offset 0x0)')
  refuses(t, calling(-9), 'Call of no function, -9 instructions away (x.o, section socket, offset 0x0)')
  t.deepEqual(parseObject(calling(-1)).programs.get('main')!.instructions[0]!.reference, {
    kind: 'call',
    name: 'main',
  })
})

const relocated: [
  what: string,
  words: Instruction[],
  relocation: { offset: number; symbol: number },
  message: string,
][] = [
  [
    'a symbol that does not exist',
    [loadImm64(r1, 0), exit()],
    { offset: 0, symbol: 99 },
    'Relocation of symbol 99, which does not exist (x.o, section .relsocket, offset 0x0)',
  ],
  [
    'the second slot of a load',
    [loadImm64(r1, 0), exit()],
    { offset: 8, symbol: 2 },
    'Relocation of no instruction (x.o, section socket, offset 0x8)',
  ],
  [
    'the middle of an instruction',
    [loadImm64(r1, 0), exit()],
    { offset: 4, symbol: 2 },
    'Relocation of no instruction (x.o, section socket, offset 0x4)',
  ],
  [
    'an instruction that takes none',
    [mov(r0, 0), exit(), exit()],
    { offset: 0, symbol: 2 },
    'Relocation against value: opcode 0xb7 cannot be relocated (x.o, section socket, offset 0x0)',
  ],
  [
    'a load of what is neither code, data nor map',
    [loadImm64(r1, 0), exit()],
    { offset: 0, symbol: 3 },
    'Relocation against text: section license holds neither code, data nor maps (x.o, section socket, offset 0x0)',
  ],
  [
    'a call of a variable',
    [callAt(-1), exit(), exit()],
    { offset: 0, symbol: 2 },
    'Relocation against value: no function at offset 0 (x.o, section socket, offset 0x0)',
  ],
  [
    'a call of a helper',
    [call(0), exit(), exit()],
    { offset: 0, symbol: 1 },
    'Relocation against main: the call is not one of a BPF function (x.o, section socket, offset 0x0)',
  ],
  [
    'a symbol without a section',
    [loadImm64(r1, 0), exit()],
    { offset: 0, symbol: 4 },
    'Relocation against absolute: the symbol is in no section (x.o, section socket, offset 0x0)',
  ],
]
for (const [what, words, relocation, message] of relocated) {
  test(`relocation of ${what}`, t => {
    const bytes = writeElf({
      sections: [
        code('socket', words, { relocations: [relocation] }),
        { name: '.data', data: new Uint8Array(8) },
        { name: 'license', data: new TextEncoder().encode('GPL\0') },
      ],
      symbols: [
        { ...main, size: 24 },
        { name: 'value', type: 'object', section: 2, size: 8 },
        { name: 'text', type: 'object', section: 3, size: 4 },
        { name: 'absolute', type: 'object', section: 0xfff1 },
      ],
    })
    refuses(t, bytes, message)
  })
}

test('variables behind the end of their section, and sections that are too large, are refused', t => {
  const made = (section: SectionSource, symbol: Partial<SymbolSource>) =>
    writeElf({
      sections: [program, section],
      symbols: [main, { name: 'v', type: 'object', section: 2, ...symbol }],
    })
  refuses(
    t,
    made({ name: '.data', data: new Uint8Array(8) }, { value: 4, size: 8 }),
    'Variable v of 8 bytes does not end within its section (x.o, section .data, offset 0x4)',
  )
  refuses(
    t,
    made({ name: '.bss', type: sectionTypes.nobits, size: 2 ** 52 }, {}),
    `${2 ** 52} bytes of variables are more than ${2 ** 28} (option maxZeroBytes) (x.o, section .bss, offset 0x0)`,
  )
})

test('many large sections without bytes are refused together', t => {
  const huge = (i: number): SectionSource => ({ name: `.bss.${i}`, type: sectionTypes.nobits, size: 2 ** 28 })
  const bytes = writeElf({
    sections: [program, ...Array.from({ length: 100 }, (_, i) => huge(i))],
    symbols: [main],
  })
  refuses(
    t,
    bytes,
    `${2 ** 29} bytes of variables are more than ${2 ** 28} (option maxZeroBytes) (x.o, section .bss.1, offset 0x0)`,
  )
})

test('functions that share their bytes again and again are refused', t => {
  const long = code('socket', Array.from({ length: 10_000 }, exit))
  const symbols = Array.from({ length: 1000 }, (_, i) => ({ name: `f${i}`, section: 1, size: 80_000 }))
  refuses(t, writeElf({ sections: [long], symbols }), 'Functions overlap (x.o, section socket, offset 0x0)')
})

test('any number of static functions may share a name', t => {
  const count = 30_000
  const sections = [code('socket', [exit()]), code('.text', Array.from({ length: count }, exit))]
  const symbols: SymbolSource[] = Array.from({ length: count }, (_, i) => ({
    name: 'same',
    binding: 'local',
    section: 2,
    value: i * 8,
    size: 8,
  }))
  const { functions } = parseObject(
    writeElf({ sections, symbols: [...symbols, { name: 'main', section: 1, size: 8 }] }),
  )
  t.is(functions.size, count + 1)
  t.true(functions.has('same') && functions.has('same.1') && functions.has(`same.${count - 1}`))
})

test('names that plain objects inherit are names like any other', t => {
  const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty']
  const { programs, functions, variables, maps } = parseObject(
    writeElf({
      sections: [
        code('__proto__', [exit(), exit(), exit(), exit()]),
        { name: '.data.__proto__', data: new Uint8Array(32) },
      ],
      symbols: [
        ...names.map((name, i): SymbolSource => ({ name, section: 1, value: i * 8, size: 8 })),
        ...names.map(
          (name, i): SymbolSource => ({ name, type: 'object', section: 2, value: i * 8, size: 8 }),
        ),
      ],
    }),
  )
  t.deepEqual([...programs.keys()], names)
  t.deepEqual([...functions.keys()], names)
  t.deepEqual(
    variables.map(({ name }) => name),
    names,
  )
  t.deepEqual([...maps.keys()], ['.data.__proto__'])
  t.is(programs.get('__proto__')!.type, 'unspec')
  t.is(programs.get('valueOf'), undefined)
  t.deepEqual(Object.keys(Object.prototype), [])
})

/** An object whose BTF has these types, the variables of `.maps` or `.data` among them. */
function withBtf(
  types: readonly BtfType[],
  sections: SectionSource[] = [],
  symbols: SymbolSource[] = [],
): Uint8Array {
  const builder = new BtfBuilder()
  for (const type of types) builder.add(type)
  const btf: SectionSource = { name: '.BTF', data: builder.build('little') }
  return writeElf({ sections: [program, ...sections, btf], symbols: [main, ...symbols] })
}

/** An object with one map, whose definition has these members; types from id 10 on are the caller's. */
function withMap(members: readonly BtfMember[], types: readonly BtfType[] = []): Uint8Array {
  const number = (count: number): BtfType => ({ kind: 'array', name: '', type: 1, indexType: 1, count })
  const all: BtfType[] = [
    int('int', 4, 'signed'),
    struct('', 32, ...members),
    { kind: 'var', name: 'm', type: 2, linkage: 'global' },
    { kind: 'datasec', name: '.maps', size: 0, variables: [{ type: 3, offset: 0, size: 32 }] },
    number(1),
    { kind: 'ptr', name: '', type: 5 }, // 6: the number 1
    number(8),
    { kind: 'ptr', name: '', type: 7 }, // 8: the number 8
    { kind: 'ptr', name: '', type: 1 }, // 9: the type int
    ...types,
  ]
  return withBtf(
    all,
    [{ name: '.maps', data: new Uint8Array(32) }],
    [{ name: 'm', type: 'object', section: 2, size: 32 }],
  )
}

const type = member('type', 6, 0)
const oddities: [what: string, members: BtfMember[], types: BtfType[], reason: string][] = [
  ['without a type', [member('max_entries', 8, 0)], [], 'its definition has no type'],
  [
    'with two key sizes',
    [type, member('key_size', 8, 64), member('key', 9, 128)],
    [],
    'its key size is 8 and 4',
  ],
  [
    'with two value sizes',
    [type, member('value', 9, 64), member('value_size', 8, 0)],
    [],
    'its value size is 4 and 8',
  ],
  [
    'with an unknown member',
    [type, member('colour', 6, 64)],
    [],
    'unknown member "colour" of its definition',
  ],
  [
    'with a member called __proto__',
    [type, member('__proto__', 6, 64)],
    [],
    'unknown member "__proto__" of its definition',
  ],
  [
    'with values in between',
    [type, member('values', 10, 64), member('key', 9, 128)],
    [{ kind: 'array', name: '', type: 9, indexType: 1, count: 0 }],
    'values is not the last member',
  ],
  [
    'with values it cannot have',
    [type, member('values', 10, 64)],
    [{ kind: 'array', name: '', type: 9, indexType: 1, count: 0 }],
    'a map of type hash cannot have these values',
  ],
  ['with a key that is not a pointer', [type, member('key', 1, 64)], [], 'member key is not a pointer'],
  [
    'with a member that is not a number',
    [type, member('max_entries', 9, 64)],
    [],
    'member max_entries is not a number',
  ],
  [
    'with a number that is an int',
    [type, member('max_entries', 1, 64)],
    [],
    'member max_entries is not a number',
  ],
  [
    'with two numbers in one',
    [type, member('max_entries', 10, 64)],
    [
      {
        kind: 'enum',
        name: '',
        size: 4,
        signed: false,
        values: [
          { name: 'a', value: 1 },
          { name: 'b', value: 2 },
        ],
      },
    ],
    'max_entries is not one number',
  ],
  [
    'with a number of more than 32 bits',
    [type, member('max_entries', 10, 64)],
    [{ kind: 'enum64', name: '', size: 8, signed: false, values: [{ name: 'a', value: 1n << 32n }] }],
    'max_entries 4294967296 is not a 32-bit number',
  ],
]
for (const [what, members, types, reason] of oddities) {
  test(`a map ${what} is refused`, t => {
    refuses(t, withMap(members, types), `Map m: ${reason} (x.o, section .maps, offset 0x0)`)
  })
}

test('a map keeps the number of a pinning that another loader knows', t => {
  const { maps } = parseObject(withMap([type, member('pinning', 8, 64)], []))
  t.is(maps.get('m')!.pinning, 8)
})

test('a map of types that refer to themselves is refused', t => {
  const loop: BtfType = { kind: 'typedef', name: 'loop', type: 10 }
  refuses(
    t,
    withMap([type, member('key', 10, 64)], [loop]),
    'BTF type 10 refers to itself (x.o, section .BTF, offset 0xc8)',
  )
  const array: BtfType[] = [
    { kind: 'ptr', name: '', type: 11 },
    { kind: 'array', name: '', type: 11, indexType: 1, count: 1 },
  ]
  refuses(
    t,
    withMap([type, member('key', 10, 64)], array),
    'Map m: the size of its key is not known: BTF type 11 refers to itself (x.o, section .maps, offset 0x0)',
  )
  const itself: BtfType[] = [
    { kind: 'ptr', name: '', type: 11 },
    struct('s', 8, member('a', 12, 0)),
    { kind: 'array', name: '', type: 11, indexType: 1, count: 1 },
  ]
  t.is(parseObject(withMap([type, member('key', 10, 64)], itself)).maps.get('m')!.keySize, 8)
})

test('maps without a BTF that says what they are', t => {
  const section: SectionSource = { name: '.maps', data: new Uint8Array(8) }
  refuses(
    t,
    writeElf({ sections: [program, section], symbols: [main] }),
    'The object has maps, but no BTF that defines them; compile it with -g (x.o, section .maps, offset 0x0)',
  )
  refuses(
    t,
    withBtf([int('int', 4)], [section]),
    'The object has maps, but no BTF that defines them (x.o, section .maps, offset 0x0)',
  )
})

test('variables of a section that the symbols do not have, or have elsewhere', t => {
  const types = (offset: number): BtfType[] => [
    int('int', 4),
    { kind: 'var', name: 'v', type: 1, linkage: 'global' },
    { kind: 'var', name: 'w', type: 1, linkage: 'static' },
    {
      kind: 'datasec',
      name: '.data',
      size: 0,
      variables: [
        { type: 2, offset: 0, size: 4 },
        { type: 3, offset, size: 4 },
      ],
    },
  ]
  const section: SectionSource = { name: '.data', data: new Uint8Array(8) }
  const v = (value: number): SymbolSource => ({ name: 'v', type: 'object', section: 2, value, size: 4 })
  refuses(t, withBtf(types(4), [section]), 'Variable v has no symbol (x.o, section .data, offset 0x0)')
  refuses(
    t,
    withBtf(types(6), [section], [v(0)]),
    'Variable w of 4 bytes does not end within its section (x.o, section .data, offset 0x6)',
  )
  for (const at of [9, 2 ** 33, 2 ** 53 - 1]) {
    const error = t.throws(() => parseObject(withBtf(types(4), [section], [v(at)])), {
      instanceOf: ObjectFileError,
    })
    t.regex(error?.message ?? '', /^Variable v .* \(section \.data/)
  }
})
