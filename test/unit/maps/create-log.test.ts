import test from 'ava'
import { commonAttr } from '../../../src/abi/constants.ts'
import { attr } from '../../../src/abi/generated/layouts.ts'
import { EFAULT, EINVAL } from '../../../src/base/errno.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { type FakeCall, fakeKernel } from '../../support/syscalls/fake-kernel.ts'

/** Refuses maps with `map_extra`, and says why where it is asked as Linux 7.2 can be. */
const calls: string[] = []

function createMap({ attr: fields, common, at }: FakeCall): number {
  const extra = fields.getBigUint64(attr.map_create.map_extra, true)
  calls.push(common === undefined ? 'plain' : 'logged')
  if (extra === 0n) return 1000
  if (common !== undefined && common.getUint32(commonAttr.log_level, true) > 0) {
    const log = at(common.getBigUint64(commonAttr.log_buf, true))
    log.set(new TextEncoder().encode('Invalid map_extra.\n\0'))
  }
  return -EINVAL
}

fakeKernel({
  map_create: createMap,
  // Without an address for the attributes that it was passed the size of.
  prog_load: ({ common }) => (common === undefined ? -EINVAL : -EFAULT),
})

const spec: MapSpec = { name: 'm', type: 'hash', keySize: 4, valueSize: 4, maxEntries: 1 }

test('the words of the kernel are the reason of a map that it refuses', t => {
  t.throws(() => BpfMap.create({ ...spec, mapExtra: 7n }), {
    instanceOf: BpfError,
    code: 'EINVAL',
    message: 'Cannot create map m: the kernel says: Invalid map_extra. (EINVAL)',
  })
  t.true(calls.includes('logged'))
})

test('a map that is created takes one call, without a log', t => {
  calls.length = 0
  BpfMap.create(spec).close()
  t.deepEqual(calls, ['plain'])
})
