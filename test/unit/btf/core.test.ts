import test from 'ava'
import type { BtfType } from '../../../src/btf/types.ts'
import {
  array,
  type CoreTypes,
  enumOf,
  holders,
  i32,
  i64,
  kernel,
  local,
  missing,
  ptr,
  refuses,
  relocate,
  u8,
  u32,
  u64,
  union,
  value,
  x,
} from '../../support/btf/core.ts'
import { int, member, struct } from '../../support/btf/types.ts'

test('field_byte_offset is the distance in bytes', t => {
  t.is(value({ local, kernel }, { kind: 'field_byte_offset', ...x }), 16)
})

test('field_byte_size is the size of the field in the kernel', t => {
  const wide = [u64, struct('s', 8, member('x', 1, 0))]
  t.is(value({ local, kernel: wide }, { kind: 'field_byte_size', ...x }, 4), 8)
  const none = { kind: 'field_byte_size', typeId: 3, access: '0:0' } as const
  const arrays = [u32, array(1, 3), struct('s', 12, member('x', 2, 0))]
  const longer = [u32, array(1, 5), struct('s', 20, member('x', 2, 0))]
  t.is(value({ local: arrays, kernel: longer }, none, 12), 20)
})

test('field_exists is 1 or 0', t => {
  t.is(value({ local, kernel }, { kind: 'field_exists', ...x }, 1), 1)
  t.is(value({ local, kernel: missing }, { kind: 'field_exists', ...x }, 1), 0)
  t.is(value({ local, kernel: [] }, { kind: 'field_exists', ...x }, 1), 0)
})

test('field_signed is about integers and enums', t => {
  const signed = [i32, struct('s', 4, member('x', 1, 0))]
  t.is(value({ local, kernel: signed }, { kind: 'field_signed', ...x }), 1)
  t.is(value({ local: signed, kernel }, { kind: 'field_signed', ...x }, 1), 0)
  const withEnum = (isSigned: boolean) => [
    enumOf('e', [], { signed: isSigned }),
    struct('s', 4, member('x', 1, 0)),
  ]
  t.is(value({ local: withEnum(false), kernel: withEnum(true) }, { kind: 'field_signed', ...x }), 1)
  const char = [int('char', 1, 'char'), struct('s', 1, member('x', 1, 0))]
  t.is(value({ local, kernel: char }, { kind: 'field_signed', ...x }), 0)
})

test('shifts of an ordinary field cut it out of 64 bits', t => {
  const wide = [u8, struct('s', 8, member('x', 1, 24))]
  for (const [byteOrder, lshift] of [
    ['little', 56],
    ['big', 56],
  ] as const) {
    t.is(value({ local, kernel: wide, byteOrder }, { kind: 'field_lshift_u64', ...x }, 32), lshift)
  }
  t.is(value({ local, kernel: wide }, { kind: 'field_rshift_u64', ...x }, 32), 56)
})

// Bitfields of the kernel's `unsigned int`: bits, what is loaded from where, left shift by byte order.
const bitfields = [
  { at: 3, bits: 5, offset: 0, size: 4, little: 56, big: 35 },
  { at: 34, bits: 7, offset: 4, size: 4, little: 55, big: 34 },
  { at: 30, bits: 4, offset: 0, size: 8, little: 30, big: 30 },
  { at: 127, bits: 1, offset: 12, size: 4, little: 32, big: 63 },
] as const
for (const { at, bits, offset, size, little, big } of bitfields) {
  test(`a bitfield of ${bits} bits at bit ${at}`, t => {
    const own = [u32, struct('s', 4, member('x', 1, 9, 2))]
    const others = [u32, struct('s', 16, member('x', 1, at, bits))]
    for (const byteOrder of ['little', 'big'] as const) {
      const types: CoreTypes = { local: own, kernel: others, byteOrder }
      // What compilers wrote for a bitfield cannot be foretold, so any number is taken before.
      t.is(value(types, { kind: 'field_byte_offset', ...x }, 99), offset)
      t.is(value(types, { kind: 'field_byte_size', ...x }, 99), size)
      t.is(value(types, { kind: 'field_lshift_u64', ...x }, 99), byteOrder === 'little' ? little : big)
      t.is(value(types, { kind: 'field_rshift_u64', ...x }, 62), 64 - bits)
      t.is(value(types, { kind: 'field_signed', ...x }, 0), 0)
    }
  })
}

test('sign and right shift of a bitfield are foretold', t => {
  const own = [u32, struct('s', 4, member('x', 1, 9, 2))]
  refuses(
    t,
    () => value({ local: own, kernel: own }, { kind: 'field_rshift_u64', ...x }, 99),
    'the instruction for struct s.x has 99, not 62',
  )
  refuses(
    t,
    () => value({ local: own, kernel: own }, { kind: 'field_signed', ...x }, 1),
    'the instruction for struct s.x has 1, not 0',
  )
})

test('a bitfield that no 64-bit load can hold is refused', t => {
  const wide = [u64, struct('s', 16, member('x', 1, 62, 4))]
  const reason = 'bitfield struct s.x does not fit a 64-bit load'
  refuses(t, () => value({ local, kernel: wide }, { kind: 'field_byte_offset', ...x }), reason)
  const none = [struct('empty', 0), struct('s', 16, member('x', 1, 62, 4))]
  refuses(t, () => value({ local: none, kernel }, { kind: 'field_byte_offset', ...x }), reason)
})

test('a bitfield that became an ordinary field, or the other way round, is not loaded as it was', t => {
  const bits = [u32, struct('s', 4, member('x', 1, 0, 3))]
  const relocation = { kind: 'field_byte_offset', ...x } as const
  for (const types of [
    { local: bits, kernel },
    { local, kernel: bits },
  ]) {
    const { failures } = relocate(types, relocation, holders.ldx32(0))
    t.regex(failures[0]?.reason ?? '', /^struct s.x has another size on this kernel/)
    t.not(value(types, relocation), undefined)
  }
})

test('type ids', t => {
  const both = { local, kernel }
  t.is(value(both, { kind: 'type_id_local', typeId: 2 }, 99), 2)
  t.is(value(both, { kind: 'type_id_target', typeId: 2 }, 99), 3)
  t.is(value({ local, kernel: [] }, { kind: 'type_id_target', typeId: 2 }, 99), 0)
  t.is(value({ local: [struct('', 4)], kernel }, { kind: 'type_id_local', typeId: 1 }), 1)
})

test('type_exists and type_size are 0 without a type', t => {
  t.is(value({ local, kernel }, { kind: 'type_exists', typeId: 2 }, 1), 1)
  t.is(value({ local, kernel: [] }, { kind: 'type_exists', typeId: 2 }, 1), 0)
  t.is(value({ local, kernel }, { kind: 'type_size', typeId: 2 }, 4), 24)
  t.is(value({ local, kernel: [] }, { kind: 'type_size', typeId: 2 }, 4), 0)
})

test('the kind of a type counts', t => {
  const exists = { kind: 'type_exists', typeId: 2 } as const
  t.is(value({ local, kernel: [u32, union('s', 4)] }, exists, 1), 0)
  t.is(value({ local, kernel: [u32, { kind: 'fwd', name: 's', of: 'struct' }] }, exists, 1), 0)
  t.is(value({ local, kernel: [u32, { kind: 'typedef', name: 's', type: 1 }] }, exists, 1), 0)
  const wide = [enumOf('e', [], { kind: 'enum64', size: 8 })]
  t.is(value({ local: [enumOf('e', [])], kernel: wide }, { kind: 'type_exists', typeId: 1 }, 1), 1)
})

test('type_exists looks through typedefs at kinds, behind pointers, and into signatures', t => {
  const proto = (...params: number[]): BtfType => ({
    kind: 'func_proto',
    name: '',
    type: 0,
    params: params.map(type => ({ name: '', type })),
  })
  const typedef: BtfType = { kind: 'typedef', name: 't', type: 2 }
  const compatible = (one: BtfType[], other: BtfType[]) =>
    value({ local: [typedef, ...one], kernel: [typedef, ...other] }, { kind: 'type_exists', typeId: 1 }, 1)
  t.is(compatible([u32], [i64]), 1)
  t.is(compatible([u32], [struct('s', 4)]), 0)
  t.is(compatible([struct('a', 4)], [struct('b', 8)]), 1)
  t.is(compatible([u32], [{ ...u32, bitOffset: 1 }]), 0)
  t.is(compatible([ptr(3), u32], [ptr(3), i32]), 1)
  t.is(compatible([ptr(3), u32], [ptr(3), struct('s', 4)]), 0)
  t.is(compatible([array(3, 4), u32], [array(3, 8), u64]), 1)
  t.is(compatible([proto(3), u32], [proto(3), u64]), 1)
  t.is(compatible([proto(3), u32], [proto(3, 3), u64]), 0)
  t.is(compatible([proto(3), u32], [proto(3), ptr(0)]), 0)
  const float: BtfType = { kind: 'float', name: 'f', size: 4 }
  t.is(compatible([float], [float]), 0)
})

test('enumval_exists and enumval_value', t => {
  const own = [
    enumOf('e', [
      ['A', 1],
      ['B', 2],
    ]),
  ]
  const other = [
    enumOf('e', [
      ['X', 0],
      ['B', 7],
    ]),
  ]
  const a = { typeId: 1, access: '0' } as const
  const b = { typeId: 1, access: '1' } as const
  const both = { local: own, kernel: other }
  t.is(value(both, { kind: 'enumval_exists', ...a }, 1), 0)
  t.is(value(both, { kind: 'enumval_exists', ...b }, 1), 1)
  t.is(value(both, { kind: 'enumval_value', ...b }, 2), 7)
  t.is(value(both, { kind: 'enumval_value', ...a }, 1), undefined)
})

test('enumerators have flavours too, and a negative one fills 64 bits', t => {
  const own = [enumOf('e', [['B___old', -5]], { signed: true })]
  const relocation = { kind: 'enumval_value', typeId: 1, access: '0' } as const
  const values = [{ name: 'B___new', value: -6n }]
  const wide = [enumOf('e', [], { kind: 'enum64', size: 8, signed: true, values })]
  const both = { local: own, kernel: wide }
  t.is(relocate(both, relocation, holders.load64(-5)).instructions[0]!.imm, 2n ** 64n - 6n)
  t.is(value(both, relocation, -5), -6)
  // An enum of 32 bits counts as signed, whatever its flag says.
  const big = [enumOf('e', [['B', 0xffff_fffa]])]
  t.is(
    relocate({ local: big, kernel: big }, relocation, holders.load64(-6)).instructions[0]!.imm,
    2n ** 64n - 6n,
  )
  refuses(
    t,
    () => relocate({ local: big, kernel: big }, relocation, holders.load64(0xffff_fffa)),
    'the instruction for enum e.B has 4294967290, not 18446744073709551610',
  )
})

test('type_matches compares names, sizes, signs and members', t => {
  const matches = (one: BtfType[], other: BtfType[]) =>
    value({ local: one, kernel: other }, { kind: 'type_matches', typeId: 1 }, 1)
  const s = (...members: ReturnType<typeof member>[]) => struct('s', 8, ...members)
  t.is(matches([s(member('x', 2, 0)), u32], [s(member('y', 2, 0), member('x', 2, 32)), u32]), 1)
  t.is(matches([s(member('x', 2, 0)), u32], [s(member('y', 2, 0)), u32]), 0)
  t.is(matches([s(member('x', 2, 0)), u32], [s(member('x', 2, 0)), { ...u32, name: 'u32' }]), 0)
  t.is(matches([s(member('x', 2, 0)), u32], [s(member('x', 2, 0)), { ...u32, encoding: 'signed' }]), 0)
  t.is(matches([s(member('x', 2, 0)), u32], [s(member('x', 2, 0)), { ...u32, size: 8 }]), 0)
  t.is(matches([s(member('x', 2, 0)), u32], [s(member('x', 2, 0)), { ...u32, encoding: 'char' }]), 1)
  t.is(matches([s(member('x', 2, 0)), array(3, 2), u32], [s(member('x', 2, 0)), array(3, 3), u32]), 0)
  // More members than the kernel has, though all of one name.
  t.is(matches([s(member('x', 2, 0), member('x', 2, 0)), u32], [s(member('x', 2, 0)), u32]), 0)
  t.is(
    matches(
      [enumOf('e', [['A', 1]])],
      [
        enumOf('e', [
          ['B', 1],
          ['A', 5],
        ]),
      ],
    ),
    1,
  )
  t.is(matches([enumOf('e', [['A', 1]])], [enumOf('e', [['B', 1]])]), 0)
  t.is(matches([enumOf('e', [['A', 1]])], [enumOf('e', [['A', 1]], { kind: 'enum64', size: 8 })]), 0)
})

test('type_matches compares structs behind pointers by name and kind alone', t => {
  const s = (type: number) => struct('s', 8, member('x', type, 0))
  const matches = (one: BtfType, other: BtfType) =>
    value(
      { local: [s(2), ptr(3), one], kernel: [s(2), ptr(3), other] },
      { kind: 'type_matches', typeId: 1 },
      1,
    )
  const forward = (of: 'struct' | 'union'): BtfType => ({ kind: 'fwd', name: 'p', of })
  t.is(matches(struct('p', 4), struct('p', 8)), 1)
  t.is(matches(struct('p___old', 4), struct('p', 8)), 1)
  t.is(matches(struct('p', 4), struct('q', 4)), 0)
  t.is(matches(struct('p', 4), union('p', 4)), 0)
  t.is(matches(struct('p', 4), forward('struct')), 1)
  t.is(matches(struct('p', 4), forward('union')), 0)
  t.is(matches(forward('union'), union('p', 4)), 1)
  t.is(matches(forward('union'), struct('p', 4)), 0)
  t.is(matches(forward('struct'), forward('struct')), 1)
  t.is(matches(forward('struct'), forward('union')), 0)
})
