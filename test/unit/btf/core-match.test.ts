import test from 'ava'
import { type CoreTargets, relocateCore } from '../../../src/btf/core/relocate.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import {
  array,
  enumOf,
  holders,
  i32,
  i64,
  kernel,
  local,
  missing,
  ptr,
  type Relocation,
  refuses,
  relocated,
  targets,
  u8,
  u32,
  u64,
  union,
  value,
  x,
} from '../../support/btf/core.ts'
import { btfOf, member, struct } from '../../support/btf/types.ts'

test('flavours are the same type on either side', t => {
  const flavoured = [u32, struct('s___old', 4, member('x', 1, 0))]
  t.is(value({ local: flavoured, kernel }, { kind: 'field_byte_offset', ...x }), 16)
  const other = [u32, struct('s___new', 4, member('x', 1, 64))]
  t.is(value({ local, kernel: other }, { kind: 'field_byte_offset', ...x }), 8)
  t.is(value({ local: flavoured, kernel: other }, { kind: 'field_byte_offset', ...x }), 8)
})

test('candidates that agree are as good as one', t => {
  const twins = [
    u32,
    struct('s', 8, member('x', 1, 32)),
    struct('s', 16, member('a', 1, 0), member('x', 1, 32)),
  ]
  t.is(value({ local, kernel: twins }, { kind: 'field_byte_offset', ...x }), 4)
})

test('candidates that disagree are an error', t => {
  const rivals = [u32, struct('s', 8, member('x', 1, 32)), struct('s', 16, member('x', 1, 64))]
  refuses(
    t,
    () => value({ local, kernel: rivals }, { kind: 'field_byte_offset', ...x }),
    'struct s.x is ambiguous: field_byte_offset is 4 in type 2 of the kernel, 8 in type 3',
  )
  // Even where only existence is asked for.
  refuses(
    t,
    () => value({ local, kernel: rivals }, { kind: 'field_exists', ...x }, 1),
    'struct s.x is ambiguous: field_exists is 1 in type 2 of the kernel, 1 in type 3',
  )
  t.is(value({ local, kernel: rivals }, { kind: 'type_exists', typeId: 2 }, 1), 1)
  t.throws(() => value({ local, kernel: rivals }, { kind: 'type_size', typeId: 2 }, 4), {
    message: /ambiguous/,
  })
})

test('a candidate that lacked one field is not asked for the next', t => {
  const own = btfOf([u32, struct('s', 8, member('only', 1, 0), member('x', 1, 32))])
  const rivals = [
    u32,
    struct('s', 8, member('x', 1, 32)),
    struct('s', 16, member('only', 1, 0), member('x', 1, 64)),
  ]
  const only = relocated(holders.mov(0), { kind: 'field_byte_offset', typeId: 2, access: '0:0' })
  const next = relocated(holders.mov(4), { kind: 'field_byte_offset', typeId: 2, access: '0:1' })
  const { instructions } = relocateCore([only, next], own, targets({ kernel: rivals }))
  t.deepEqual(
    instructions.map(({ imm }) => imm),
    [0, 8],
  )
  t.throws(() => relocateCore([next, only], own, targets({ kernel: rivals })), {
    message: /ambiguous/,
  })
})

test('modules are searched only when the kernel has no candidate', t => {
  const module = [u32, struct('s', 8, member('x', 1, 32))]
  const relocation = { kind: 'field_byte_offset', ...x } as const
  t.is(value({ local, kernel: [u64], modules: [[u8], module] }, relocation), 4)
  t.is(value({ local, kernel, modules: [module] }, relocation), 16)
  t.is(value({ local, kernel: missing, modules: [module] }, relocation), undefined)
  let asked = 0
  const vmlinux = btfOf(kernel)
  const search: CoreTargets = {
    kernel: () => vmlinux,
    modules: () => {
      asked++
      return []
    },
  }
  relocateCore([relocated(holders.mov(0), relocation)], btfOf(local), search)
  t.is(asked, 0)
})

test('what one program of an object looked up, the others need not', t => {
  const own = btfOf(local)
  const vmlinux = btfOf(kernel)
  const program = [relocated(holders.mov(0), { kind: 'field_byte_offset', ...x })]
  let asked = 0
  const search: CoreTargets = {
    kernel: () => {
      asked++
      return vmlinux
    },
  }
  const first = relocateCore(program, own, search)
  const before = asked
  t.true(before > 0)
  t.deepEqual(relocateCore(program, own, search), first)
  t.is(asked, before)
  // Another object has types of its own.
  relocateCore(program, btfOf(local), search)
  t.true(asked > before)
})

test('members of anonymous structs and unions are found on either side', t => {
  // struct { int a; union { struct { int b; int x; }; }; } here; the same, deeper or flat, in the kernel
  const nested = [
    u32,
    struct('s', 12, member('a', 1, 0), member('', 3, 32)),
    union('', 8, member('', 4, 0)),
    struct('', 8, member('b', 1, 0), member('x', 1, 32)),
  ]
  const relocation = { kind: 'field_byte_offset', typeId: 2, access: '0:1:0:1' } as const
  t.is(value({ local: nested, kernel }, relocation, 8), 16)
  t.is(value({ local: nested, kernel: nested }, relocation, 8), 8)
  t.is(value({ local, kernel: nested }, { kind: 'field_byte_offset', ...x }), 8)
})

test('a namesake of another kind in an anonymous struct does not hide a later one', t => {
  const types = [
    u32,
    struct('s', 16, member('', 3, 0), member('x', 1, 96)),
    struct('', 8, member('x', 4, 0)),
    ptr(0),
  ]
  t.is(value({ local, kernel: types }, { kind: 'field_byte_offset', ...x }), 12)
})

test('anonymous structs nested again and again are searched once', t => {
  // Each level contains the next one twice: 2^60 paths.
  const levels = Array.from({ length: 60 }, (_, i) =>
    struct(i === 0 ? 's' : '', 8, member('', i + 2, 0), member('', i + 2, 32)),
  )
  const types = [...levels, struct('', 8)]
  t.is(value({ local, kernel: types }, { kind: 'field_exists', ...x }, 1), 0)
  const deep = Array.from({ length: 70 }, (_, i) => struct(i === 0 ? 's' : '', 8, member('', i + 2, 0)))
  refuses(
    t,
    () => value({ local, kernel: [...deep, struct('', 8)] }, { kind: 'field_exists', ...x }, 1),
    'the target type is nested too deep',
  )
})

test('elements of arrays', t => {
  const own = [u32, array(1, 4), struct('s', 16, member('x', 2, 0))]
  const access = { kind: 'field_byte_offset', typeId: 3, access: '0:0:2' } as const
  const other = [u64, array(1, 4), struct('s', 40, member('a', 1, 0), member('x', 2, 64))]
  t.is(value({ local: own, kernel: other }, access, 8), 24)
  t.is(value({ local: own, kernel: other }, { ...access, kind: 'field_byte_size' }, 4), 8)
  const short = [u32, array(1, 2), struct('s', 8, member('x', 2, 0))]
  t.is(value({ local: own, kernel: short }, access, 8), undefined)
  const scalar = [u32, struct('s', 8, member('x', 1, 0))]
  t.is(value({ local: own, kernel: scalar }, access, 8), undefined)
  refuses(
    t,
    () => value({ local: own, kernel: own }, { ...access, kind: 'field_signed' }),
    'field_signed of struct s.x[2], which is an array element',
  )
})

test('the first index counts objects of the root type', t => {
  const access = { kind: 'field_byte_offset', typeId: 2, access: '2:0' } as const
  t.is(value({ local, kernel }, access, 8), 64)
  t.is(value({ local, kernel }, { ...access, access: '3' }, 12), 72)
})

test('a flexible array at the end of a struct has any number of elements', t => {
  const flexible = (count: number) => [
    u32,
    array(1, count),
    struct('s', 4, member('n', 1, 0), member('x', 2, 32)),
  ]
  const access = { kind: 'field_byte_offset', typeId: 3, access: '0:1:5' } as const
  t.is(value({ local: flexible(0), kernel: flexible(0) }, access, 24), 24)
  t.is(value({ local: flexible(0), kernel: flexible(6) }, access, 24), 24)
  t.is(value({ local: flexible(0), kernel: flexible(5) }, access, 24), undefined)
  refuses(t, () => value({ local: flexible(5), kernel }, access, 24), 'an array of 5 has no element 5')
  const notLast = [u32, array(1, 0), struct('s', 4, member('x', 2, 0), member('n', 1, 0))]
  refuses(
    t,
    () => value({ local: notLast, kernel }, { ...access, access: '0:0:1' }),
    'an array of 0 has no element 1',
  )
})

test('fields of another kind are no match', t => {
  const field = (type: BtfType, ...more: BtfType[]) => [type, struct('s', 8, member('x', 1, 64)), ...more]
  const exists = (one: BtfType[], other: BtfType[]) =>
    value({ local: one, kernel: other }, { kind: 'field_exists', ...x }, 1)
  t.is(exists(field(u32), field(ptr(0))), 0)
  t.is(exists(field(u32), field(i64)), 1)
  t.is(exists(field(u32), field({ ...u32, bitOffset: 4 })), 0)
  t.is(exists(field(u32), field(enumOf('e', []))), 0)
  t.is(exists(field(ptr(0)), field(ptr(2))), 1)
  t.is(exists(field(struct('a', 8)), field(union('b', 4))), 1)
  t.is(exists(field(enumOf('e', [])), field(enumOf('e___v2', [], { kind: 'enum64' }))), 1)
  t.is(exists(field(enumOf('e', [])), field(enumOf('f', []))), 0)
  t.is(exists(field(enumOf('', [])), field(enumOf('f', []))), 1)
  t.is(exists(field({ kind: 'float', name: 'f', size: 4 }), field({ kind: 'float', name: 'd', size: 8 })), 1)
  t.is(exists(field(array(3, 2), u32), field(array(3, 9), i32)), 1)
  t.is(exists(field(array(3, 2), u32), field(array(3, 2), ptr(0))), 0)
})

const malformed: [Relocation, string][] = [
  [{ kind: 'field_exists', typeId: 2, access: '' }, '"" is not an access string'],
  [{ kind: 'field_exists', typeId: 2, access: '0:' }, '"0:" is not an access string'],
  [{ kind: 'field_exists', typeId: 2, access: '0:-1' }, '"0:-1" is not an access string'],
  [{ kind: 'field_exists', typeId: 2, access: '0:1x' }, '"0:1x" is not an access string'],
  [{ kind: 'field_exists', typeId: 2, access: '0:12345678901' }, '"0:12345678901" is not an access string'],
  [
    { kind: 'field_exists', typeId: 2, access: Array(65).fill(0).join(':') },
    `"${Array(65).fill(0).join(':')}" is not an access string`,
  ],
  [{ kind: 'field_exists', typeId: 2, access: '0:1' }, 'struct s has no member 1'],
  [{ kind: 'field_exists', typeId: 2, access: '0:0:0' }, 'its access string goes into a int unsigned int'],
  [{ kind: 'type_exists', typeId: 2, access: '1' }, 'the access string of a type is "1", not "0"'],
  [{ kind: 'enumval_value', typeId: 2, access: '0' }, 'struct s has no enumerator 0'],
  [{ kind: 'enumval_value', typeId: 3, access: '1' }, 'enum e has no enumerator 1'],
  [{ kind: 'enumval_value', typeId: 3, access: '0:0' }, 'enum e has no enumerator 0:0'],
  [{ kind: 13, typeId: 2 }, 'its kind 13 is not known'],
  [{ kind: 'type_exists', typeId: 4 }, 'struct (anonymous) has no name to search for'],
]
for (const [relocation, reason] of malformed) {
  test(`a malformed relocation is refused: ${reason.slice(0, 60)}`, t => {
    const types = [...local, enumOf('e', [['A', 1]]), struct('', 4)]
    refuses(t, () => value({ local: types, kernel }, relocation), reason)
  })
}

test('64 steps are not too many', t => {
  const deep = [u32, ...Array.from({ length: 63 }, (_, i) => struct(`s${i}`, 4, member('m', i + 1, 0)))]
  const access = Array(64).fill(0).join(':')
  t.is(value({ local: deep, kernel: deep }, { kind: 'field_exists', typeId: 64, access }, 1), 1)
})
