import test from 'ava'
import { EINVAL, ENOTSUPP, EOPNOTSUPP } from '../../../src/base/errno.ts'
import { isAtLeast } from '../../../src/kernel/version.ts'
import { hasNoBatch } from '../../../src/maps/chunks.ts'

test('EINVAL of a kernel with batches is about something else', t => {
  t.true(hasNoBatch(-ENOTSUPP))
  t.true(hasNoBatch(-EOPNOTSUPP))
  if (isAtLeast('5.6')) t.false(hasNoBatch(-EINVAL))
})
