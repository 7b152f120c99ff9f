import test from 'ava'
import { tcx } from '../../../src/links/hooks/network/tcx.ts'

test('a direction that tcx does not have is refused before anything is asked of the kernel', t => {
  t.throws(() => tcx({ fd: 3, name: 'p' }, 1, 'sideways' as never), {
    instanceOf: TypeError,
    message: 'Cannot attach program p to tcx sideways of device 1: the direction is ingress or egress',
  })
})
