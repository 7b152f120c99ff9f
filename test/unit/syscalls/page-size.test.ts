import test from 'ava'
import { EINVAL, errnos } from '../../../src/base/errno.ts'
import { findPageSize } from '../../../src/syscalls/mmap.ts'
import { nr } from '../../../src/syscalls/numbers.ts'

/** A kernel that maps at offsets which are multiples of its page size. */
function kernelOf(pageSize: number) {
  return (number: number, ...args: number[]): number =>
    number === nr.mmap && args[5]! % pageSize !== 0 ? -EINVAL : pageSize
}

test('the size of a page is found by what mmap takes', t => {
  for (const size of [4096, 0x4000, 0x10000]) t.is(findPageSize(kernelOf(size)), size)
})

test('a kernel without memory does not make pages larger', t => {
  t.throws(() => findPageSize(() => -errnos.ENOMEM), {
    code: 'ENOMEM',
    message: /^Cannot find the size of a page: /,
  })
})
