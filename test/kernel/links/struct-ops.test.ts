import { readFileSync } from 'node:fs'
import test from 'ava'
import { Collection } from '../../../src/collection/collection.ts'
import { verifyObject, verifyProgram } from '../../../src/inspect/verify.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { operations, operationsName, unregisterStale } from '../../support/links/struct-ops.ts'
import { structOpsLink, structOpsMaps } from '../../support/maps/features.ts'
import { objectSpec } from '../../support/objects.ts'

test.before(() => {
  if (structOpsMaps.probe() === 'yes') unregisterStale()
})

function congestionControls(): string[] {
  return readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(' ')
}

kernelTest('a map without a link registers its operations until it is detached', [structOpsMaps], t => {
  using collection = Collection.load(operations('plain'))
  t.deepEqual([...collection.maps.keys()], ['plain'])
  t.deepEqual([...collection.programs.keys()], ['halve', 'stay', 'undo'])
  t.false(congestionControls().includes(operationsName('plain')))
  const attached = collection.attach()
  t.deepEqual([attached.programs, attached.skipped], [[], []])
  t.true(congestionControls().includes(operationsName('plain')))
  attached.close()
  t.false(congestionControls().includes(operationsName('plain')))
})

kernelTest('a map with a link registers its operations until the link is closed', [structOpsLink], t => {
  using collection = Collection.load(operations('linked'))
  const link = collection.attachStructOps('linked')
  t.true(congestionControls().includes(operationsName('linked')))
  const info = link.info()
  t.is(info.type, 'struct_ops')
  if (info.type === 'struct_ops') t.is(info.mapId, collection.maps.get('linked').id)
  link.close()
  t.false(congestionControls().includes(operationsName('linked')))
  // Its value is set already then.
  collection.attachStructOps('linked').close()
})

kernelTest('a link goes over to the operations of another map', [structOpsLink], t => {
  using collection = Collection.load(operations('linked'))
  using second = Collection.load(operations('linked'))
  using link = collection.attachStructOps('linked')
  // A value is set by attaching, and only once; these operations have the name of others.
  t.throws(() => link.update(second.maps.get('linked')), { code: 'EINVAL' })
  t.throws(() => second.attachStructOps('linked'), { code: 'EEXIST' })
  link.update(second.maps.get('linked'))
  const info = link.info()
  t.is(info.type === 'struct_ops' && info.mapId, second.maps.get('linked').id)
})

kernelTest('members that no kernel has must be unset', [structOpsMaps], t => {
  const spec = operations('optional')
  spec.maps.get('optional').flags = 0
  t.throws(() => Collection.load(spec), {
    code: 'ERR_NOT_SUPPORTED',
    message:
      /Member not_yet of map optional, which is set to program unused and which the kernel does not have, is not supported by this kernel; delete it from programs of the map's spec to load without$/,
  })
  spec.maps.get('optional').programs!.delete('not_yet')
  {
    using collection = Collection.load(spec)
    t.deepEqual([...collection.programs.keys()], ['halve', 'stay', 'undo'])
  }
  const { value } = spec.maps.get('optional').contents![0]!
  ;(value as Uint8Array)[48] = 1
  t.throws(() => Collection.load(spec), {
    code: 'ERR_NOT_SUPPORTED',
    message: /Member not_yet of map optional, which the kernel does not have, and it is not zero,/,
  })
})

kernelTest('a struct that no kernel calls is an error', [structOpsMaps], t => {
  const spec = operations('plain')
  const map = spec.maps.get('plain')
  map.valueTypeId = map.btf!.find('bpf_dummy_ops_state', 'struct')!
  t.throws(() => Collection.load(spec), {
    code: 'ERR_NOT_SUPPORTED',
    message:
      'Map plain, which implements struct bpf_dummy_ops_state, is not supported by this kernel; neither the kernel nor a module lets BPF programs implement it',
  })
})

kernelTest('a program stands for one member of one struct', [structOpsMaps], t => {
  const spec = operations('plain')
  spec.maps.get('plain').programs!.set('undo_cwnd', 'halve')
  t.throws(() => Collection.load(spec), {
    code: 'ERR_INVALID_SPEC',
    message: 'Cannot create map plain: program halve stands for another member already',
  })
  spec.maps.get('plain').programs!.set('undo_cwnd', 'absent')
  t.throws(() => Collection.load(spec), { message: 'Cannot create map plain: no such program: absent' })
})

kernelTest('each program is verified as the member that it stands for', [structOpsLink], t => {
  const verdicts = [...verifyObject(objectSpec('struct-ops'))].map(({ program, verdict }) => [
    program,
    verdict,
  ])
  t.deepEqual(verdicts.slice(0, 3), [
    ['halve', 'success'],
    ['stay', 'success'],
    ['undo', 'success'],
  ])
})

kernelTest('a program of a map that is not created is left out when it is verified', [structOpsLink], t => {
  // As veristat says of it.
  const { verdict, statistics } = verifyProgram(objectSpec('struct-ops'), 'unused')
  t.is(verdict, 'success')
  t.is(statistics, null)
})
