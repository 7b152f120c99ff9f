import test from 'ava'
import { EINVAL } from '../../../src/base/errno.ts'
import {
  BpfError,
  NotSupportedError,
  ObjectFileError,
  withAction,
  withReason,
} from '../../../src/base/errors.ts'

const action = 'Cannot load program p'

test('an error keeps its class and facts when an action is added', t => {
  const missing = new NotSupportedError('tcx', '6.6', { hint: 'use tc', errno: EINVAL, syscall: 'bpf' })
  const told = withAction(missing, action)
  t.true(told instanceof NotSupportedError)
  t.is(
    told.message,
    'Cannot load program p: tcx is not supported by this kernel (needs Linux 6.6 or later); use tc',
  )
  t.like(told, { code: 'ERR_NOT_SUPPORTED', feature: 'tcx', since: '6.6', hint: 'use tc' })
  t.like(told, { errno: EINVAL, syscall: 'bpf', cause: missing })

  const where = { file: 'a.o', section: '.BTF.ext', offset: 8 }
  const malformed = withAction(new ObjectFileError('Truncated', where), action)
  t.true(malformed instanceof ObjectFileError)
  t.is(malformed.message, 'Cannot load program p: Truncated (a.o, section .BTF.ext, offset 0x8)')
  t.like(malformed, { code: 'ERR_OBJECT_FILE', reason: 'Cannot load program p: Truncated', ...where })

  const plain = withAction(new BpfError('No space', { code: 'ENOSPC' }), action)
  t.is(plain.constructor, BpfError)
  t.like(plain, { message: 'Cannot load program p: No space', code: 'ENOSPC', errno: undefined })
})

test('a reason goes behind the message', t => {
  const error = new BpfError('Cannot attach p', { code: 'EINVAL', errno: EINVAL, syscall: 'bpf' })
  t.like(withReason(error, 'it is of another type'), {
    ...{ message: 'Cannot attach p: it is of another type', code: 'EINVAL', errno: EINVAL, syscall: 'bpf' },
    cause: error,
  })
})

test('names of the classes are what errors print', t => {
  t.deepEqual(
    [new BpfError('x', { code: 'EIO' }), new NotSupportedError('x'), new ObjectFileError('x')].map(String),
    ['BpfError: x', 'NotSupportedError: x is not supported by this kernel', 'ObjectFileError: x'],
  )
})
