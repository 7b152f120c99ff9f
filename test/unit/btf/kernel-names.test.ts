import test from 'ava'
import { Btf } from '../../../src/btf/btf.ts'
import { btfKindNumbers } from '../../../src/btf/format.ts'
import { identifier } from '../../../src/btf/kernel-names.ts'
import { sanitizeBtf } from '../../../src/btf/sanitize.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import { futureBtf, infoOf } from '../../support/btf/future.ts'
import { everything } from '../../support/btf/sanitize.ts'
import { btfOf, int, member, struct } from '../../support/btf/types.ts'

function mended(types: readonly BtfType[]): BtfType[] {
  const btf = Btf.parse(sanitizeBtf(btfOf(types), everything).build())
  return types.map((_, index) => btf.type(index + 1))
}

test('names become what the kernel takes, as bpf-linker writes them', t => {
  t.is(identifier('Pair<u32, u32>'), 'Pair_3C_u32_2C__20_u32_3E_')
  t.is(identifier('größe'), 'gr_F6__DF_e')
  t.is(identifier('😀'), '_1F600_')
  t.is(identifier('0'), '_0')
  t.is(identifier('task_struct___old.isra.0'), 'task_struct___old.isra.0')
  t.is(identifier('', 'none'), 'none')
  t.is(identifier('n'.repeat(200)).length, 127)
})

test('types of every kind keep all but their names', t => {
  const types: BtfType[] = [
    int('u32', 4),
    struct('Option<u32>', 8, member('{impl#0}', 1, 0), member('', 1, 32)),
    { kind: 'enum', name: 'E<T>', size: 4, signed: false, values: [{ name: 'A::B', value: 1 }] },
    { kind: 'enum64', name: '', size: 8, signed: false, values: [{ name: '', value: 1n }] },
    { kind: 'func_proto', name: '', type: 0, params: [{ name: '*ctx', type: 1 }] },
    { kind: 'func', name: 'core::fmt', type: 5, linkage: 'static' },
    { kind: 'typedef', name: 'a b', type: 1 },
    { kind: 'fwd', name: '&str', of: 'struct' },
    { kind: 'var', name: 'V$1', type: 1, linkage: 'static' },
    { kind: 'datasec', name: '.data.größe', size: 4, variables: [{ type: 9, offset: 0, size: 4 }] },
  ]
  t.deepEqual(mended(types), [
    types[0],
    struct('Option_3C_u32_3E_', 8, member('_7B_impl_23_0_7D_', 1, 0), member('', 1, 32)),
    { ...types[2], name: 'E_3C_T_3E_', values: [{ name: 'A_3A__3A_B', value: 1 }] } as BtfType,
    { ...types[3], values: [{ name: '_', value: 1n }] } as BtfType,
    { ...types[4], params: [{ name: '_2A_ctx', type: 1 }] } as BtfType,
    { ...types[5], name: 'core_3A__3A_fmt' } as BtfType,
    { ...types[6], name: 'a_20_b' } as BtfType,
    { ...types[7], name: '_26_str' } as BtfType,
    { ...types[8], name: 'V_24_1' } as BtfType,
    { ...types[9], name: '.data.gr_F6__DF_e' } as BtfType,
  ])
})

test('pointers lose the names that Rust gives them, integers what only gcc says of them', t => {
  const words = [
    ...[1, infoOf(btfKindNumbers.int), 1, 3 * 2 ** 24 + 8],
    ...[5, infoOf(btfKindNumbers.ptr), 1],
    ...[0, infoOf(btfKindNumbers.ptr), 1],
  ]
  const btf = Btf.parse(futureBtf({ words, strings: 'i8\0*i8\0' }))
  const built = Btf.parse(sanitizeBtf(btf, everything).build())
  t.deepEqual([...built.encoded(1)].slice(1), [infoOf(btfKindNumbers.int), 1, 2 ** 24 + 8])
  t.is(built.encoded(2)[0], 0)
})

test('tags that stand for any attribute become what older kernels take', t => {
  const types: BtfType[] = [
    int('u32', 4),
    { kind: 'type_tag', name: 'noderef', type: 1, attribute: true },
    { kind: 'typedef', name: 'a', type: 2 },
    { kind: 'decl_tag', name: 'unused', type: 3, component: -1, attribute: true },
  ]
  const [, type, , decl] = mended(types)
  t.deepEqual(type, { kind: 'const', name: '', type: 1 })
  t.is(decl!.kind, 'int')
})

test('parameters of functions have names, as gcc leaves them out of declarations', t => {
  const params = [
    { name: '', type: 1 },
    { name: 'b', type: 1 },
    { name: '', type: 0 },
  ]
  const proto: BtfType = { kind: 'func_proto', name: '', type: 0, params }
  const types: BtfType[] = [
    int('u32', 4),
    proto,
    proto,
    { kind: 'func', name: '', type: 3, linkage: 'static' },
  ]
  const [, pointer, own, func] = mended(types)
  t.deepEqual(pointer, proto)
  t.deepEqual(own, { ...proto, params: [{ name: '_', type: 1 }, ...params.slice(1)] } as BtfType)
  t.is(func!.name, '_')
})
