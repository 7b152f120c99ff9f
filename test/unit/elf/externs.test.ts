import { readFileSync } from 'node:fs'
import test, { type ExecutionContext } from 'ava'
import { mov } from '../../../src/asm/alu.ts'
import { loadImm64 } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0, r1 } from '../../../src/asm/registers.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import type { Btf } from '../../../src/btf/btf.ts'
import type { BtfDatasec, BtfLinkage, BtfType } from '../../../src/btf/types.ts'
import { SHN_COMMON } from '../../../src/elf/format.ts'
import { allocateKsyms } from '../../../src/elf/object/extern-btf.ts'
import { type ObjectFile, parseObject } from '../../../src/elf/object/object.ts'
import { type SymbolSource, writeElf } from '../../../src/elf/write.ts'
import { type ExternSpec, isKconfig } from '../../../src/programs/extern-spec.ts'
import { BtfMaker } from '../../support/btf/maker.ts'
import { callAt, code } from '../../support/elf/files.ts'

const externs = parseObject(readFileSync('test/bpf/externs.bpf.o'))
const kfuncs = parseObject(readFileSync('test/bpf/kfuncs.bpf.o'))

function list({ externs: all }: ObjectFile, ...kinds: ExternSpec['kind'][]): ExternSpec[] {
  return [...all.values()].filter(({ kind }) => kinds.includes(kind))
}

test('options lie in the order of their alignment, size and name', t => {
  t.deepEqual(
    [...externs.externs.values()]
      .filter(isKconfig)
      .map(({ name, type, signed, size, offset }) => [offset, size, signed ? `signed ${type}` : type, name]),
    [
      [0, 8, 'signed int', 'CONFIG_TEST_S64'],
      [8, 8, 'int', 'CONFIG_TEST_U64'],
      [16, 4, 'int', 'CONFIG_HZ'],
      [20, 4, 'tristate', 'CONFIG_NET'],
      [24, 4, 'signed int', 'CONFIG_TEST_S32'],
      [28, 4, 'tristate', 'CONFIG_TEST_TRISTATE'],
      [32, 4, 'signed int', 'LINUX_KERNEL_VERSION'],
      [36, 2, 'signed int', 'CONFIG_TEST_S16'],
      [38, 2, 'int', 'CONFIG_TEST_U16'],
      [40, 1, 'signed char', 'CONFIG_BPF'],
      [41, 1, 'bool', 'CONFIG_BPF_SYSCALL'],
      [42, 1, 'bool', 'CONFIG_TEST_BOOL'],
      [43, 1, 'signed char', 'CONFIG_TEST_CHAR'],
      [44, 1, 'char', 'CONFIG_TEST_U8'],
      [45, 1, 'bool', 'LINUX_HAS_BPF_COOKIE'],
      [46, 1, 'bool', 'LINUX_HAS_SYSCALL_WRAPPER'],
      [47, 1, 'bool', 'LINUX_NO_SUCH_FACT'],
      [48, 8, 'string', 'CONFIG_TEST_STRING'],
    ],
  )
})

test('symbols come by name, with their types', t => {
  t.deepEqual(
    list(externs, 'ksym').map(({ name, typeId, weak }) => [name, externs.btf!.type(typeId).kind, weak]),
    [
      ['bpf_prog_active', 'int', true],
      ['init_task', 'void', true],
      ['no_such_symbol', 'void', true],
      ['no_such_variable', 'int', true],
      ['runqueues', 'struct', true],
      ['vfs_read', 'void', false],
    ],
  )
})

test('functions have a signature, and a name without flavour', t => {
  const functions = list(kfuncs, 'kfunc')
  t.is(functions.length, kfuncs.externs.size)
  for (const { typeId, weak } of functions) {
    t.is(kfuncs.btf!.type(typeId).kind, 'func_proto')
    t.true(weak)
  }
  t.deepEqual(
    functions
      .filter(({ name }) => name.startsWith('bpf_rdonly'))
      .map(each => [each.name, each.essentialName]),
    [
      ['bpf_rdonly_cast', 'bpf_rdonly_cast'],
      ['bpf_rdonly_cast___differs', 'bpf_rdonly_cast'],
      ['bpf_rdonly_cast___fits', 'bpf_rdonly_cast'],
    ],
  )
})

test('options are variables of a map that is only read', t => {
  const { contents, btf, valueTypeId, ...rest } = externs.maps.get('.kconfig')!
  t.deepEqual(rest, {
    name: '.kconfig',
    kernelName: '.kconfig',
    type: 'array',
    keySize: 4,
    valueSize: 56,
    maxEntries: 1,
    flags: 0x480,
    freeze: true,
  })
  t.deepEqual(contents, [{ key: new Uint8Array(4), value: new Uint8Array(56) }])
  t.is(btf!.name(valueTypeId!), '.kconfig')
  const hz = externs.variables.find(({ name }) => name === 'CONFIG_HZ')
  t.like(hz, { sectionName: '.kconfig', offset: 16, size: 4 })
  t.false(kfuncs.maps.has('.kconfig'))
})

test('references to options are into their map, others stay', t => {
  const references = (program: string, from: ObjectFile): unknown[] =>
    from.programs.get(program)!.instructions.flatMap(({ reference }) => reference ?? [])
  t.deepEqual(references('skip_branch', externs), [{ kind: 'map_value', name: '.kconfig', offset: 42 }])
  t.deepEqual(references('count_missing', externs), [
    { kind: 'extern', name: 'no_such_symbol', addend: 0 },
    { kind: 'extern', name: 'no_such_variable', addend: 0 },
  ])
  t.deepEqual(references('call_missing', kfuncs), [{ kind: 'extern', name: 'no_such_kfunc', addend: 0 }])
})

function section(btf: Btf, name: string): BtfDatasec {
  return btf.findType('datasec', name)!
}

test('in BTF, options lie where the map has them', t => {
  const { size, variables } = section(externs.btf!, '.kconfig')
  t.is(size, 56)
  t.deepEqual(
    variables.map(({ offset, size: bytes, type }) => [offset, bytes, externs.btf!.name(type)]),
    list(externs, 'kconfig')
      .filter(isKconfig)
      .map(each => [each.offset, each.size, each.name]),
  )
  for (const { type } of variables) t.like(externs.btf!.type(type), { kind: 'var', linkage: 'global' })
})

test('for the kernel, symbols are integers one behind the other', t => {
  const before = externs.btf!
  const after = allocateKsyms(before)
  t.is(after.typeCount, before.typeCount)
  const { size, variables } = section(after, '.ksyms')
  t.is(size, 6 * 4)
  for (const [index, { type, offset, size: bytes }] of variables.entries()) {
    t.deepEqual([offset, bytes], [index * 4, 4])
    const variable = after.type(type)
    t.like(variable, { kind: 'var', name: before.name(type), linkage: 'global' })
    t.like(after.type((variable as { type: number }).type), { kind: 'int', size: 4 })
  }
  // Elsewhere nothing changes.
  t.deepEqual(section(after, '.kconfig'), section(before, '.kconfig'))
})

test('for the kernel, functions are global, have names for all parameters, and a variable stands for them', t => {
  const before = kfuncs.btf!
  const after = allocateKsyms(before)
  t.is(after.typeCount, before.typeCount + 1)
  const dummy = after.find('dummy_ksym', 'var')!
  t.is(dummy, before.typeCount)
  const { size, variables } = section(after, '.ksyms')
  t.is(size, kfuncs.externs.size * 4)
  t.deepEqual(
    variables,
    variables.map((_, index) => ({ type: dummy, offset: index * 4, size: 4 })),
  )
  for (const { type: id } of section(before, '.ksyms').variables) {
    const func = after.type(id) as BtfType & { type: number }
    t.like(func, { kind: 'func', linkage: 'global', name: before.name(id) })
    const prototype = after.type(func.type)
    t.true(prototype.kind === 'func_proto' && prototype.params.every(({ name }) => name === 'dummy_ksym'))
  }
})

test('BTF without symbols of the kernel stays as it is', t => {
  const btf = parseObject(readFileSync('test/bpf/data.bpf.o')).btf!
  t.is(allocateKsyms(btf), btf)
})

/** What an object with one extern `x` is made of; what is left out is as compilers have it. */
interface Recipe {
  /** Adds the type of the extern. Default: `int`. */
  type?: (make: BtfMaker) => number
  kind?: 'var' | 'func'
  linkage?: BtfLinkage
  section?: string
  symbol?: Partial<SymbolSource>
  code?: readonly Instruction[]
}

/** The object: a program whose second instruction refers to `x`. */
function objectWith(recipe: Recipe): Uint8Array {
  const { kind = 'var', linkage = 'extern', section: name = '.ksyms', symbol, code: body } = recipe
  const make = new BtfMaker()
  const type = recipe.type?.(make) ?? make.int('int', 4, 'signed')
  const declaration = make.builder.add({ kind, name: 'x', type, linkage })
  const variables = [{ type: declaration, offset: 0, size: 4 }]
  make.builder.add({ kind: 'datasec', name, size: 0, variables })
  const main = code('socket', body ?? [mov(r0, 0), loadImm64(r1, 0), exit()], {
    relocations: [{ offset: 8, symbol: 2 }],
  })
  return writeElf({
    sections: [main, { name: '.BTF', data: make.builder.build('little') }],
    symbols: [
      { name: 'main', section: 1, size: main.data!.length },
      { name: 'x', section: 0, type: 'notype', ...symbol },
    ],
  })
}

function refuses(t: ExecutionContext, recipe: Recipe, message: string): void {
  t.throws(() => parseObject(objectWith(recipe), 'x.o'), { instanceOf: ObjectFileError, message })
}

test('the hand-made object is one, with a weak symbol too', t => {
  t.like(parseObject(objectWith({})).externs.get('x'), { kind: 'ksym', weak: false })
  t.like(parseObject(objectWith({ symbol: { binding: 'weak' } })).externs.get('x'), { weak: true })
})

/** Why the program of an object cannot be loaded. */
function reasonOf(bytes: Uint8Array, name = 'x'): string | undefined {
  const extern = parseObject(bytes, 'x.o').externs.get(name)
  return extern?.kind === 'undefined' ? extern.reason : undefined
}

test('an extern that nothing defines is kept, with the reason', t => {
  const symbols: SymbolSource[] = [
    { name: 'main', section: 1, size: 16 },
    { name: 'x', section: 0, type: 'notype' },
  ]
  const plain = writeElf({ sections: [code('socket', [mov(r0, 0), exit()])], symbols })
  t.is(
    reasonOf(plain),
    'nothing defines x; if the kernel does, compile the object with -g, so that BTF declares it',
  )
  t.is(reasonOf(objectWith({ symbol: { name: 'y' } }), 'y'), 'nothing defines y, and no BTF declares it')
  t.is(
    reasonOf(objectWith({ linkage: 'global' })),
    'nothing defines x, and its BTF does not declare an extern',
  )
  t.is(
    reasonOf(objectWith({ section: '.data' })),
    'nothing defines x: link the object that does, or declare it with __ksym or __kconfig when the kernel does',
  )
  t.is(reasonOf(objectWith({ section: '.maps' })), 'map x is defined in another object: link the two')
  t.deepEqual([...parseObject(objectWith({ section: '.maps' })).maps.keys()], [])
  t.like(parseObject(objectWith({ section: '.data', symbol: { binding: 'weak' } })).externs.get('x'), {
    kind: 'undefined',
    weak: true,
  })
})

test('a variable without a place in the object is an extern with a reason', t => {
  const bytes = objectWith({ symbol: { section: SHN_COMMON, type: 'object', size: 4, value: 4 } })
  t.is(reasonOf(bytes), 'x has no place in the object; compile it with -fno-common')
  t.deepEqual(parseObject(bytes).programs.get('main')!.instructions[1]!.reference, {
    kind: 'extern',
    name: 'x',
    addend: 0,
  })
})

test('a variable with a pointer in it is an extern with a reason where a program uses it', t => {
  const load = (offset: number): Instruction => loadImm64(r1, offset)
  const bytes = writeElf({
    sections: [
      code('socket', [load(8), exit(), load(0), load(24), load(32), exit()], {
        relocations: [0, 24, 40, 56].map(offset => ({ offset, symbol: 5 })),
      }),
      {
        name: '.data',
        data: new Uint8Array(48),
        relocations: [16, 40].map(offset => ({ offset, symbol: 6 })),
      },
      { name: '.rodata.str1.1', data: new Uint8Array(4) },
    ],
    symbols: [
      { name: 'bad', section: 1, size: 24 },
      { name: 'good', section: 1, value: 24, size: 56 },
      { name: 'table', type: 'object', binding: 'local', section: 2, value: 8, size: 16 },
      { name: 'count', type: 'object', section: 2, value: 0, size: 8 },
      { name: '', type: 'section', binding: 'local', section: 2 },
      { name: '', type: 'section', binding: 'local', section: 3 },
    ],
  })
  t.is(
    reasonOf(bytes, '.data+8'),
    'variable table of section .data holds a pointer to .rodata.str1.1, which has no address in the kernel; let the program choose, with an array of values or a switch',
  )
  // Where no symbol says what ends where, any pointer behind it counts.
  t.regex(reasonOf(bytes, '.data+24')!, /^variable at 24 of section \.data holds a pointer to /)
  t.is(reasonOf(bytes, '.data+0'), undefined)
  const { programs } = parseObject(bytes)
  t.deepEqual(programs.get('bad')!.instructions[0]!.reference, { kind: 'extern', name: '.data+8', addend: 0 })
  t.deepEqual(programs.get('good')!.instructions[0]!.reference, {
    kind: 'map_value',
    name: '.data',
    offset: 0,
  })
})

test('an option must have a type that options have', t => {
  const message =
    'Extern x: options of the configuration have no such type (x.o, section .symtab, offset 0x30)'
  const types: ((make: BtfMaker) => number)[] = [
    make => make.int('wide', 16),
    make => make.int('bool', 2, 'bool'),
    make => make.enum('other', { NO: 0 }),
    make => make.enum('libbpf_tristate', { NO: 0n }),
    make => make.array(make.int('int', 4), 4),
    make => make.array(make.int('char', 1), 0),
    make => make.pointer(),
    () => 0,
  ]
  for (const type of types) refuses(t, { section: '.kconfig', type }, message)
  refuses(t, { section: '.kconfig', kind: 'func' }, message)
})

test('options that would fill the memory are refused', t => {
  const type = (make: BtfMaker): number => make.array(make.int('char', 1), 0xffff_ffff)
  refuses(
    t,
    { section: '.kconfig', type },
    'Extern x: the options of the object are more than 1048576 bytes (option maxKconfigBytes) (x.o, section .kconfig, offset 0x0)',
  )
})

test('only an extern that is a function can be called', t => {
  const place = '(x.o, section socket, offset 0x0)'
  const calling = [mov(r0, 0), callAt(-1), exit()]
  refuses(t, { code: calling }, `Function main uses x, which is not a function, as one ${place}`)
  refuses(
    t,
    { code: calling, section: '.kconfig' },
    `Function main uses x, which is not a function, as one ${place}`,
  )
})

test('a place behind a symbol with a type cannot be referred to', t => {
  const behind = [mov(r0, 0), loadImm64(r1, 4), exit()]
  const place = '(x.o, section socket, offset 0x0)'
  refuses(t, { code: behind }, `Function main uses x, with an addend, which its kind cannot have ${place}`)
  const option = parseObject(objectWith({ code: behind, section: '.kconfig' }))
  t.deepEqual(option.programs.get('main')!.instructions[1]!.reference, {
    kind: 'map_value',
    name: '.kconfig',
    offset: 4,
  })
})

test('a symbol that is local and undefined is nothing', t => {
  const place = '(x.o, section socket, offset 0x0)'
  refuses(t, { symbol: { binding: 'local' } }, `Function main uses x, which nothing defines ${place}`)
})

test('an option that BTF declares and no symbol stands for is refused', t => {
  refuses(
    t,
    { section: '.kconfig', symbol: { binding: 'local' } },
    'Extern x: no symbol stands for it (x.o, section .BTF, offset 0x28)',
  )
})
