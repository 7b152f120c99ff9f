import test from 'ava'
import { exit } from '../../../src/asm/jumps.ts'
import type { Btf } from '../../../src/btf/btf.ts'
import { CollectionSpec } from '../../../src/collection/spec.ts'
import { aloneSpec } from '../../../src/inspect/alone.ts'
import { BtfMaker } from '../../support/btf/maker.ts'
import { objectSpec } from '../../support/objects.ts'

test('only one program is loaded, also one that is not by default', t => {
  const spec = objectSpec('broken')
  const alone = aloneSpec(spec, 'endless_loop')
  t.deepEqual(
    [...alone.programs].filter(([, { autoload }]) => autoload).map(([name]) => name),
    ['endless_loop'],
  )
  t.is(spec.programs.get('endless_loop').autoload, false, 'the spec itself stays as it is')
})

test('maps without a size get one element, unless they hang on objects; none is pinned', t => {
  const spec = new CollectionSpec({
    programs: [['p', { type: 'xdp', instructions: [] }]],
    maps: [
      ['none', { name: 'none', type: 'hash', pinning: 'by_name' }],
      ['some', { name: 'some', type: 'hash', maxEntries: 7, pinPath: '/sys/fs/bpf/x' }],
      ['storage', { name: 'storage', type: 'sk_storage' }],
    ],
  })
  const { maps } = aloneSpec(spec, 'p')
  t.deepEqual(
    [...maps.values()].map(each => each.maxEntries),
    [1, 7, undefined],
  )
  t.true([...maps.values()].every(each => each.pinning === undefined && each.pinPath === undefined))
})

/** What becomes of an extension whose parameter is of a type. */
function guessed(
  make: (btf: BtfMaker) => number,
): [type: string | number, attachType: unknown, target: unknown] {
  const maker = new BtfMaker()
  const parameter = make(maker)
  const int = maker.int('int', 4, 'signed')
  const proto = maker.builder.add({
    kind: 'func_proto',
    name: '',
    type: int,
    params: [{ name: 'ctx', type: parameter }],
  })
  const funcTypeId = maker.builder.add({ kind: 'func', name: 'p', type: proto, linkage: 'global' })
  const btf: Btf = maker.parse()
  const instructions = [{ ...exit(), funcTypeId }]
  const spec = new CollectionSpec({
    btf,
    programs: [['p', { name: 'p', type: 'ext', attachTarget: 'f', instructions, btf }]],
  })
  const { type, expectedAttachType, attachTarget } = aloneSpec(spec, 'p').programs.get('p')
  return [type, expectedAttachType, attachTarget]
}

test('an extension becomes what its context suggests', t => {
  t.deepEqual(
    guessed(btf => btf.pointer(btf.struct('__sk_buff', 0))),
    ['sched_cls', undefined, undefined],
  )
  t.deepEqual(
    guessed(btf => btf.pointer(btf.builder.add({ kind: 'const', name: '', type: btf.struct('xdp_md', 0) }))),
    ['xdp', 'xdp', undefined],
  )
  t.deepEqual(
    guessed(btf => btf.pointer(btf.typedef('bpf_user_pt_regs_t', btf.struct('user_pt_regs', 0)))),
    ['kprobe', undefined, undefined],
  )
})

test('an extension of which nothing can be guessed stays one', t => {
  t.deepEqual(
    guessed(btf => btf.pointer(btf.struct('mine', 0))),
    ['ext', undefined, 'f'],
  )
  t.deepEqual(
    guessed(btf => btf.int('int', 4)),
    ['ext', undefined, 'f'],
  )
  t.deepEqual(
    guessed(btf => btf.pointer(btf.struct('constructor', 0))),
    ['ext', undefined, 'f'],
  )
})
