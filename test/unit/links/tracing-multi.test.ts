import test from 'ava'
import fc from 'fast-check'
import { searchRefused } from '../../../src/links/hooks/tracing/tracing-multi-refusal.ts'
import { selectTyped } from '../../../src/links/hooks/tracing/tracing-multi-targets.ts'
import { parseTracingMulti } from '../../../src/links/read-info.ts'
import type { TraceableFunction } from '../../../src/symbols/traceable.ts'
import { BtfMaker } from '../../support/btf/maker.ts'

const site = (name: string, module?: string): TraceableFunction => ({ name, address: undefined, module })

const any = (): boolean => true

test('functions are chosen that match, can be traced, and are in the types once', t => {
  const maker = new BtfMaker()
  const int = maker.int('int', 4, 'signed')
  const read = maker.func('vfs_read', int, int)
  maker.func('vfs_twice', int)
  maker.func('vfs_twice', int, int)
  maker.func('vfs_inlined', int)
  maker.func('vfs_sites', int)
  maker.func('other', int)
  // Not a function, whatever its name.
  maker.struct('vfs_struct', 0)
  const sites = ['vfs_read', 'vfs_twice', 'vfs_sites', 'vfs_sites', 'vfs_untyped', 'vfs_struct', 'other']
  const traceable = [...sites.map(name => site(name)), site('vfs_inlined', 'module')]
  t.deepEqual(
    selectTyped(name => name.startsWith('vfs_'), maker.parse(), traceable, undefined),
    {
      ids: [read],
      rejected: [
        { name: 'vfs_twice', reason: 'ambiguous' },
        { name: 'vfs_inlined', reason: 'notrace' },
        { name: 'vfs_sites', reason: 'ambiguous' },
        { name: 'vfs_untyped', reason: 'untyped' },
        { name: 'vfs_struct', reason: 'untyped' },
      ],
    },
  )
})

test('of a module, only its own functions are chosen', t => {
  const maker = new BtfMaker()
  const both = maker.func('init', 0)
  const types = maker.parse()
  const traceable = [site('init', 'a'), site('init', 'b'), site('init')]
  t.deepEqual(selectTyped(any, types, traceable, 'a').ids, [both])
  t.deepEqual(selectTyped(any, types, traceable, 'c').rejected, [{ name: 'init', reason: 'notrace' }])
})

test('functions whose arguments or result a trampoline cannot pass are rejected', t => {
  const maker = new BtfMaker()
  const int = maker.int('int', 4, 'signed')
  const wide = maker.int('wide', 16)
  const double = maker.float('double', 8)
  const pair = maker.struct('pair', 16, ['a', wide, 0])
  const large = maker.struct('large', 24, ['a', wide, 0], ['b', int, 16])
  const pointer = maker.pointer(large)
  const number = maker.typedef('number', maker.enum('e', { A: 1 }))
  const nothing = maker.typedef('nothing', 0)
  const fit = [
    maker.func('none', 0),
    maker.func('nothing', nothing),
    maker.func('scalars', pointer, number, pointer, wide, int),
    maker.func('small_struct', int, pair),
    maker.func('twelve', int, ...Array<number>(12).fill(int)),
  ]
  const unfit = [
    ['thirteen', int, ...Array<number>(13).fill(int)],
    ['dots', int, int, 0],
    ['void_argument', int, nothing],
    ['large_struct', int, large],
    ['floating', int, double],
    ['returns_struct', pair],
    ['returns_wide', wide],
    ['returns_floating', double],
  ] as const
  for (const [name, result, ...params] of unfit) maker.func(name, result, ...params)
  const types = maker.parse()
  const names = [...fit.map(id => types.name(id)), ...unfit.map(([name]) => name)]
  t.deepEqual(
    selectTyped(
      any,
      types,
      names.map(name => site(name)),
      undefined,
    ),
    { ids: fit, rejected: unfit.map(([name]) => ({ name, reason: 'arguments' })) },
  )
})

test('the refused functions are found among any others', t => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat()), fc.array(fc.boolean(), { maxLength: 100 }), (ids, flags) => {
      const bad = new Set(ids.filter((_, i) => flags[i] === true))
      const attempt = (part: readonly number[]): number => (part.some(id => bad.has(id)) ? -22 : 3)
      t.deepEqual(searchRefused(attempt, ids), [...bad])
    }),
  )
})

test('one refused function among thousands takes a few attempts', t => {
  let attempts = 0
  const attempt = (part: readonly number[]): number => {
    attempts++
    return part.includes(4321) ? -22 : 3
  }
  const ids = Array.from({ length: 10_000 }, (_, i) => i)
  t.deepEqual(searchRefused(attempt, ids), [4321])
  t.true(attempts < 40, `${attempts} attempts`)
  attempts = 0
  t.deepEqual(
    searchRefused(part => (part.length > 0 ? -22 : 3), ids, 1),
    [0],
  )
})

/** Of a link of Linux 7.2, with a function of a module. */
const FDINFO = `pos:	0
flags:	02000000
mnt_id:	19
link_type:	tracing_multi
link_id:	1
prog_tag:	59f4a931744dcdc6
prog_id:	1
attach_type:	60
cnt:	3
obj-id	 btf-id	 cookie	 func
1	 65080	 5	 bpf_fentry_test1+0x4/0x20
7	 120001	 18446744073709551615	 nf_ct_get+0x4/0x20 [nf_conntrack]
1	 65082	 0	 0x0000000012345678
`

test('the functions of a link are in its fdinfo', t => {
  t.deepEqual(parseTracingMulti(FDINFO), {
    attachType: 'trace_fexit_multi',
    count: 3,
    targets: [
      { objectId: 1, btfId: 65080, cookie: 5n, function: 'bpf_fentry_test1' },
      { objectId: 7, btfId: 120001, cookie: 2n ** 64n - 1n, function: 'nf_ct_get' },
      { objectId: 1, btfId: 65082, cookie: 0n, function: '' },
    ],
  })
})

test('without procfs a link has no functions', t => {
  t.deepEqual(parseTracingMulti(''), { attachType: undefined, count: 0, targets: [] })
})
