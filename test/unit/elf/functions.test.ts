/** Which symbols are functions, and which functions are programs. */

import test from 'ava'
import { mov } from '../../../src/asm/alu.ts'
import { loadImm64 } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r1 } from '../../../src/asm/registers.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { Collection } from '../../../src/collection/collection.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { R_BPF_64_32, R_BPF_64_ABS32 } from '../../../src/elf/format.ts'
import { type ObjectFile, parseObject } from '../../../src/elf/object/object.ts'
import { type SymbolSource, writeElf } from '../../../src/elf/write.ts'
import { inspectObject } from '../../../src/inspect/inspect.ts'
import { BtfMaker } from '../../support/btf/maker.ts'
import { callAt, code } from '../../support/elf/files.ts'

const returns = (value: number): Instruction[] => [mov(r0, value), exit()]

/** Names of functions with the bytes that they have. */
function sizes({ functions }: Pick<ObjectFile, 'functions'>): [string, number][] {
  return [...functions].map(([name, body]) => [name, body.length * 8])
}

const untyped = (name: string, section: number, more: Partial<SymbolSource> = {}): SymbolSource => ({
  name,
  section,
  type: 'notype',
  ...more,
})

test('global names without a type are functions, up to the next one', t => {
  const object = parseObject(
    writeElf({
      sections: [
        code('socket', [...returns(1), ...returns(2), mov(r0, 3), ...returns(3)]),
        code('xdp', returns(4)),
      ],
      symbols: [
        untyped('LBB0_1', 1, { binding: 'local', value: 8 }),
        untyped('first', 1),
        untyped('third', 1, { value: 32, binding: 'weak' }),
        untyped('second', 1, { value: 16 }),
        untyped('alone', 2),
      ],
    }),
  )
  t.deepEqual(sizes(object), [
    ['first', 16],
    ['second', 16],
    ['third', 24],
    ['alone', 16],
  ])
  t.deepEqual([...object.programs.keys()], ['first', 'second', 'third', 'alone'])
})

test('a static function without a type is found at the start of its section', t => {
  const object = parseObject(
    writeElf({
      sections: [
        code('socket', [callAt(-1), exit()], {
          relocations: [{ offset: 0, symbol: 1, type: R_BPF_64_32 }],
        }),
        code('static', [...returns(1), ...returns(2)]),
      ],
      symbols: [
        { name: '', type: 'section', binding: 'local', section: 2 },
        untyped('LBB1_1', 2, { binding: 'local', value: 16 }),
        untyped('helper', 2, { binding: 'local' }),
        untyped('LBB0_1', 1, { binding: 'local' }),
        untyped('main', 1),
      ],
    }),
  )
  t.deepEqual(sizes(object), [
    ['main', 16],
    ['helper', 32],
  ])
  t.deepEqual(object.functions.get('main')![0]!.reference, { kind: 'call', name: 'helper' })
})

for (const byteOrder of ['little', 'big'] as const) {
  test(`static functions without a type are found where something calls them, ${byteOrder}-endian`, t => {
    const relocations = [0, 8].map(offset => ({ offset, symbol: 1, type: R_BPF_64_32 }))
    const object = parseObject(
      writeElf({
        byteOrder,
        sections: [
          code('socket', [callAt(-1), callAt(1), exit()], { relocations }, byteOrder),
          // The second calls the third without a relocation; a label of the third begins none.
          code('.text', [...returns(1), callAt(1), exit(), mov(r0, 3), ...returns(3)], {}, byteOrder),
        ],
        symbols: [
          { name: '', type: 'section', binding: 'local', section: 2 },
          untyped('one', 2, { binding: 'local' }),
          untyped('two', 2, { binding: 'local', value: 16 }),
          untyped('three', 2, { binding: 'local', value: 32 }),
          untyped('label', 2, { binding: 'local', value: 40 }),
          untyped('main', 1),
        ],
      }),
    )
    t.deepEqual(sizes(object), [
      ['main', 24],
      ['one', 16],
      ['two', 16],
      ['three', 24],
    ])
    const main = object.functions.get('main')!
    t.deepEqual(
      main.slice(0, 2).map(({ reference }) => reference),
      [
        { kind: 'call', name: 'one' },
        { kind: 'call', name: 'two' },
      ],
    )
    t.deepEqual(object.functions.get('two')![0]!.reference, { kind: 'call', name: 'three' })
  })
}

test('a number that a linker is to put into an instruction is an extern, which the caller may define', t => {
  const object = parseObject(
    writeElf({
      sections: [
        code('socket', [mov(r0, 5), exit()], {
          relocations: [{ offset: 4, symbol: 1, type: R_BPF_64_ABS32 }],
        }),
      ],
      symbols: [
        { name: 'TASK_MM', type: 'notype', section: 0 },
        { name: 'main', section: 1, size: 16 },
      ],
    }),
  )
  t.deepEqual(object.functions.get('main')![0]!.reference, { kind: 'extern', name: 'TASK_MM', addend: 5 })
  t.is(object.externs.get('TASK_MM')?.kind, 'undefined')
})

test('other relocations between instructions are refused', t => {
  for (const [offset, type, section] of [
    [4, 2, 0],
    [4, R_BPF_64_ABS32, 1],
    [2, R_BPF_64_ABS32, 0],
    [12, R_BPF_64_ABS32, 0],
  ] as const) {
    const bytes = writeElf({
      sections: [
        code('socket', [mov(r0, 5), callAt(0), exit()], { relocations: [{ offset, symbol: 1, type }] }),
      ],
      symbols: [
        { name: 'x', type: 'notype', binding: 'local', section },
        { name: 'main', section: 1, size: 24 },
      ],
    })
    t.throws(() => parseObject(bytes), { message: /^Relocation of no instruction/ }, `${offset} ${type}`)
  }
})

test('a global name within a function is a label', t => {
  const object = parseObject(
    writeElf({
      sections: [code('socket', [...returns(1), ...returns(2)])],
      symbols: [
        { name: 'main', section: 1, size: 16 },
        untyped('same', 1),
        untyped('inside', 1, { value: 8 }),
        untyped('after', 1, { value: 16 }),
      ],
    }),
  )
  t.deepEqual(sizes(object), [
    ['main', 16],
    ['after', 16],
  ])
})

test('a function with a type and no size ends where the next begins', t => {
  const object = parseObject(
    writeElf({
      sections: [code('socket', [...returns(1), ...returns(2)])],
      symbols: [
        { name: 'first', section: 1 },
        { name: 'second', section: 1, value: 16 },
      ],
    }),
  )
  t.deepEqual(sizes(object), [
    ['first', 16],
    ['second', 16],
  ])
})

test('static functions in the section of a program are called by it', t => {
  const { programs } = parseObject(
    writeElf({
      sections: [code('socket', [callAt(1), exit(), ...returns(2)])],
      symbols: [
        { name: 'helper', section: 1, value: 16, size: 16, binding: 'local' },
        { name: 'main', section: 1, size: 16 },
      ],
    }),
  )
  t.deepEqual([...programs.keys()], ['main'])
  t.deepEqual(programs.get('main')!.instructions[0]!.reference, { kind: 'call', name: 'helper' })
})

for (const section of ['.text', '.text.unlikely', '.text.helper']) {
  test(`functions of ${section} are called by programs`, t => {
    const { programs, functions } = parseObject(
      writeElf({
        sections: [
          code('socket', [callAt(-1), exit()], {
            relocations: [{ offset: 0, symbol: 1, type: R_BPF_64_32 }],
          }),
          code(section, returns(1)),
        ],
        symbols: [
          { name: 'helper', section: 2, size: 16 },
          { name: 'main', section: 1, size: 16 },
        ],
      }),
    )
    t.deepEqual([...programs.keys()], ['main'])
    t.deepEqual(programs.get('main')!.instructions[0]!.reference, { kind: 'call', name: 'helper' })
    t.true(functions.has('helper'))
  })
}

test('a lone function of .text is a library, not a program', t => {
  const { programs, functions } = parseObject(
    writeElf({ sections: [code('.text', returns(1))], symbols: [{ name: 'helper', section: 1, size: 16 }] }),
  )
  t.is(programs.size, 0)
  t.deepEqual([...functions.keys()], ['helper'])
})

const reasons: [what: string, symbols: SymbolSource[], section: string, reason: string | undefined][] = [
  [
    'without functions',
    [untyped('LBB0_1', 1, { binding: 'local' })],
    'xdp',
    'no symbol names a function in its code (xdp)',
  ],
  [
    'of static functions',
    [{ name: 'a', section: 1, size: 8, binding: 'local' }],
    'xdp',
    'its functions (a) are static, for programs to call; a program is a global function',
  ],
  [
    'of subprograms',
    [0, 8, 16, 24].map(value => ({ name: `f${value}`, section: 1, value, size: 8 })),
    '.text',
    'its functions (f0, f8, f16 and 1 more) are in section .text, for programs to call; SEC("...") makes a function a program',
  ],
  ['with a program', [{ name: 'main', section: 1, size: 8 }], 'xdp', undefined],
]
for (const [what, symbols, section, reason] of reasons) {
  test(`code ${what} yields programs, or a reason`, t => {
    const sections = [code(section, [exit(), exit(), exit(), exit()])]
    const spec = CollectionSpec.parse(writeElf({ sections, symbols }))
    t.is(spec.noPrograms, reason)
    t.is(inspectObject(spec).noPrograms, reason ?? null)
    t.is(spec.copy().noPrograms, reason)
    if (reason === undefined) return
    t.throws(() => Collection.load(spec), {
      instanceOf: BpfError,
      code: 'ERR_INVALID_SPEC',
      message: `Cannot load the object: it has no programs: ${reason}`,
    })
  })
}

/** An object of a program and a function, of which one has tags. */
function tagged(binding: 'global' | 'local', ...tags: string[]): CollectionSpec {
  const make = new BtfMaker()
  const proto = make.builder.add({ kind: 'func_proto', name: '', type: 0, params: [] })
  const main = make.builder.add({ kind: 'func', name: 'main', type: proto, linkage: 'global' })
  for (const name of tags)
    make.builder.add({ kind: 'decl_tag', name, type: main, component: -1, attribute: false })
  return CollectionSpec.parse(
    writeElf({
      sections: [
        code('socket', returns(1)),
        code('.text', returns(2)),
        { name: '.BTF', data: make.builder.build('little') },
      ],
      symbols: [
        { name: 'main', section: 1, size: 16, binding },
        { name: 'thrown', section: 2, size: 16 },
      ],
    }),
    'x.o',
  )
}

test('a tag of a program names its exception callback', t => {
  const spec = tagged('global', 'other:thing', 'exception_callback:thrown')
  t.is(spec.programs.get('main').exceptionCallback, 'thrown')
  t.deepEqual(inspectObject(spec).programs[0]!.subprograms, ['thrown'])
})

test('of several exception callbacks none is taken: the verifier refuses the program', t => {
  const tags = ['thrown', 'thrown', 'other'].map(each => `exception_callback:${each}`)
  t.is(tagged('global', ...tags.slice(0, 2)).programs.get('main').exceptionCallback, undefined)
  t.is(tagged('global', ...tags).programs.get('main').exceptionCallback, undefined)
})

test('an exception callback of a static function is refused', t => {
  t.throws(() => tagged('local', 'exception_callback:thrown'), {
    message:
      'Function main has an exception callback, but is static: only programs have one (x.o, section socket, offset 0x0)',
  })
})

test('relocations of what a linker left of a weak function are ignored', t => {
  const dead = [loadImm64(r1, 0), exit()]
  const object = parseObject(
    writeElf({
      sections: [
        code('socket', [...returns(1), ...dead], { relocations: [{ offset: 16, symbol: 2 }] }),
        { name: '.data', data: new Uint8Array(8) },
      ],
      symbols: [
        { name: 'main', section: 1, size: 16 },
        { name: 'value', type: 'object', section: 2, size: 8 },
      ],
    }),
  )
  t.deepEqual(sizes(object), [['main', 16]])
})
