import test from 'ava'
import fc from 'fast-check'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { cDeclaration, cDefinition } from '../../../src/btf/text/c-type.ts'
import { BtfMaker } from '../../support/btf/maker.ts'
import { anyBtfType, btfOf } from '../../support/btf/types.ts'

/** Declarations of `x`, of types that a function makes. */
const declarations: readonly (readonly [expected: string, make: (btf: BtfMaker) => number])[] = [
  ['int x', btf => btf.int('int', 4, 'signed')],
  ['void *x', btf => btf.pointer()],
  ['char x[16]', btf => btf.array(btf.int('char', 1), 16)],
  ['char x[2][3]', btf => btf.array(btf.array(btf.int('char', 1), 3), 2)],
  ['char *x[4]', btf => btf.array(btf.pointer(btf.int('char', 1)), 4)],
  ['char (*x)[4]', btf => btf.pointer(btf.array(btf.int('char', 1), 4))],
  ['struct s **x', btf => btf.pointer(btf.pointer(btf.struct('s', 0)))],
  ['union u x', btf => btf.union('u', 0)],
  ['enum e x', btf => btf.enum('e', { A: 1 })],
  ['struct f x', btf => btf.builder.add({ kind: 'fwd', name: 'f', of: 'struct' })],
  ['pid_t x', btf => btf.typedef('pid_t', btf.int('int', 4))],
  ['const char *x', btf => btf.pointer(modified(btf, 'const', btf.int('char', 1)))],
  ['char *const x', btf => modified(btf, 'const', btf.pointer(btf.int('char', 1)))],
  [
    'const char x[2]',
    btf => modified(btf, 'const', btf.array(modified(btf, 'const', btf.int('char', 1)), 2)),
  ],
  ['int (*x)(void)', btf => btf.pointer(signature(btf, btf.int('int', 4)))],
  ['void (*x)(char *, ...)', btf => btf.pointer(signature(btf, 0, btf.pointer(btf.int('char', 1)), 0))],
  ['int (*x[2])(int)', btf => btf.array(btf.pointer(signature(btf, btf.int('int', 4), 1)), 2)],
  ['int *(*x)(void)', btf => btf.pointer(signature(btf, btf.pointer(btf.int('int', 4))))],
  [
    'int (*(*x)(void))(int)',
    btf => btf.pointer(signature(btf, btf.pointer(signature(btf, btf.int('int', 4), 1)))),
  ],
]

function modified(btf: BtfMaker, kind: 'const' | 'volatile' | 'restrict', type: number): number {
  return btf.builder.add({ kind, name: '', type })
}

function signature(btf: BtfMaker, type: number, ...params: number[]): number {
  return btf.builder.add({
    kind: 'func_proto',
    name: '',
    type,
    params: params.map(each => ({ name: '', type: each })),
  })
}

for (const [expected, make] of declarations) {
  test(`declares ${expected}`, t => {
    const maker = new BtfMaker()
    const id = make(maker)
    const btf = maker.parse()
    t.is(cDeclaration(btf, id, 'x'), expected)
    t.is(cDeclaration(btf, id), expected.replace(/ x$|(?<=const) x| ?x(?=\[)|x/, ''))
  })
}

test('anonymous structs are written out, with their members further in', t => {
  const maker = new BtfMaker()
  const int = maker.int('int', 4, 'signed')
  const inner = maker.union('', 8, ['a', int, 0], ['b', maker.int('long', 8, 'signed'), 0])
  const id = maker.struct('event', 16, ['pid', int, 0], ['', inner, 8])
  t.is(
    cDefinition(maker.parse(), id),
    'struct event {\n\tint pid;\n\tunion {\n\t\tint a;\n\t\tlong b;\n\t};\n};',
  )
})

test('gaps, bitfields and ends that a compiler would choose otherwise are spelled out', t => {
  const maker = new BtfMaker()
  const int = maker.int('int', 4, 'signed')
  const char = maker.int('char', 1)
  const define = (id: number): string => cDefinition(maker.parse(), id).replaceAll(/\s+/g, ' ')
  t.is(
    define(maker.struct('natural', 8, ['a', char, 0], ['b', int, 4])),
    'struct natural { char a; int b; };',
  )
  t.is(
    define(maker.struct('later', 8, ['a', char, 0], ['b', char, 4])),
    'struct later { char a; int: 0; char b; long: 0; };',
  )
  t.is(
    define(maker.struct('packed', 5, ['a', char, 0], ['b', int, 1])),
    'struct packed { char a; int b; } __attribute__((packed));',
  )
  t.is(
    define(maker.struct('bits', 4, ['a', int, 0, 3], ['b', int, 8, 5])),
    'struct bits { int a: 3; char: 5; int b: 5; };',
  )
  t.is(define(maker.struct('tail', 8, ['a', int, 0])), 'struct tail { int a; long: 0; };')
  t.is(define(maker.struct('empty', 0)), 'struct empty {};')
  t.regex(define(maker.struct('huge', 1 << 20, ['a', char, 0])), /char __padding_8\[1048568\];/)
})

test('enums keep their size and 64-bit values', t => {
  const maker = new BtfMaker()
  const small = maker.builder.add({
    kind: 'enum',
    name: 'small',
    size: 1,
    signed: false,
    values: [{ name: 'A', value: 1 }],
  })
  const wide = maker.enum('wide', { MIN: -(1n << 63n), MAX: (1n << 63n) - 1n }, true)
  const btf = maker.parse()
  t.is(cDefinition(btf, small), 'enum small {\n\tA = 1,\n} __attribute__((mode(byte)));')
  t.is(
    cDefinition(btf, wide),
    'enum wide {\n\tMIN = (-9223372036854775807LL - 1),\n\tMAX = 9223372036854775807ULL,\n} __attribute__((mode(DI)));',
  )
})

test('types that contain themselves are an error, not a hang', t => {
  const maker = new BtfMaker()
  maker.pointer(1)
  t.throws(() => cDeclaration(maker.parse(), 1, 'x'), {
    instanceOf: ObjectFileError,
    message: /^BTF type 1 is too complex for C, or contains itself/,
  })
  const bomb = new BtfMaker()
  let id = bomb.int('int', 4)
  for (let i = 0; i < 40; i++) id = bomb.struct('', 4, ['a', id, 0], ['b', id, 0])
  t.throws(() => cDeclaration(bomb.parse(), id, 'x'), { instanceOf: ObjectFileError })
})

test('whatever the types are, there is text or an ObjectFileError', t => {
  fc.assert(
    fc.property(fc.array(anyBtfType, { maxLength: 30 }), types => {
      const btf = btfOf(types)
      btf.forEachId(id => {
        try {
          t.is(typeof cDefinition(btf, id), 'string')
        } catch (error) {
          t.true(error instanceof ObjectFileError, String(error))
        }
      })
    }),
    { numRuns: 100 },
  )
})
