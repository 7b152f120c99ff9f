import { readFileSync } from 'node:fs'
import test from 'ava'
import { type ErrnoCode, errnoName, fileErrno, fileResult } from '../../../src/base/errno.ts'
import { BpfError } from '../../../src/base/errors.ts'
import { errnoText, systemError } from '../../../src/syscalls/errno.ts'

const names: readonly [errno: number, name: ErrnoCode][] = [
  [1, 'EPERM'],
  [2, 'ENOENT'],
  [7, 'E2BIG'],
  [11, 'EAGAIN'],
  [22, 'EINVAL'],
  [28, 'ENOSPC'],
  [95, 'EOPNOTSUPP'],
  [524, 'ENOTSUPP'],
  [4242, 'ERRNO_4242'],
]
for (const [errno, name] of names) {
  test(`errno ${errno} is ${name}`, t => {
    t.is(errnoName(errno), name)
  })
}

test('errno values have texts', t => {
  t.is(errnoText(1), 'operation not permitted')
  t.is(errnoText(524), 'operation not supported by this kernel')
  t.is(errnoText(4242), 'unknown error 4242')
})

test('systemError says what failed, and why', t => {
  const error = systemError('Cannot create map foo', -1, 'bpf(BPF_MAP_CREATE)')
  t.true(error instanceof BpfError)
  t.is(error.message, 'Cannot create map foo: Operation not permitted (EPERM)')
  t.is(error.code, 'EPERM')
  t.is(error.errno, 1)
  t.is(error.syscall, 'bpf(BPF_MAP_CREATE)')
})

test('a path with a NUL is invalid', t => {
  const error = t.throws(() => readFileSync('/sys\0/x'))
  t.is(fileErrno(error), 'EINVAL')
  t.is(fileResult(error), -22)
  t.is(fileResult(t.throws(() => readFileSync('/no/such/file'))), -2)
  t.is(fileResult(new TypeError('own')), undefined)
})
