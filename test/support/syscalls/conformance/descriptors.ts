/**
 * Descriptors that are owned.
 *
 * @module
 */

import type { TestFn } from 'ava'
import { F_GETFD, FD_CLOEXEC } from '../../../../src/abi/linux.ts'
import { EBADF, ENOENT, errnoName, errnos } from '../../../../src/base/errno.ts'
import { BpfError } from '../../../../src/base/errors.ts'
import { mapGetNextKey } from '../../../../src/syscalls/elem.ts'
import { syscallEntry } from '../../../../src/syscalls/entry.ts'
import { OwnedFd } from '../../../../src/syscalls/fd.ts'
import { allocate } from '../../../../src/syscalls/memory.ts'
import { nr } from '../../../../src/syscalls/numbers.ts'
import { ioctl, perfEventOpen } from '../../../../src/syscalls/perf.ts'
import { FIONREAD, hashMap } from './objects.ts'

/** Registers the tests. */
export function testDescriptors(test: TestFn['serial']): void {
  test('a perf event can be opened and controlled', t => {
    const bytes = new Uint8Array(136)
    const view = new DataView(bytes.buffer)
    // PERF_TYPE_SOFTWARE, PERF_COUNT_SW_DUMMY.
    view.setUint32(0, 1, true)
    view.setUint32(4, 136, true)
    view.setUint32(8, 9, true)
    const fd = perfEventOpen(bytes, 0, -1, -1, 8)
    t.true(fd >= 0, errnoName(-fd))
    using event = OwnedFd.adopt(fd, 'perf event')
    t.is(ioctl(event.fd, 0x2400, 0), 0)
    t.is(ioctl(event.fd, FIONREAD, 0), -errnos.ENOTTY)
  })

  test('an owned descriptor is close-on-exec and closes once', t => {
    const { syscall } = syscallEntry()
    const owned = hashMap()
    const { fd } = owned
    t.is(syscall(nr.fcntl, fd, F_GETFD), FD_CLOEXEC)
    owned.close()
    t.is(syscall(nr.fcntl, fd, F_GETFD), -EBADF)
    t.true(owned.closed)
    t.notThrows(() => owned.close())
    t.throws(() => owned.fd, { instanceOf: BpfError, code: 'ERR_CLOSED', message: 'test map is closed' })
    t.throws(() => owned.duplicate(), { code: 'ERR_CLOSED' })
    t.throws(() => owned.release(), { code: 'ERR_CLOSED' })
  })

  test('a duplicate lives on its own', t => {
    const owned = hashMap()
    using copy = owned.duplicate()
    t.not(copy.fd, owned.fd)
    owned.close()
    t.is(mapGetNextKey(copy.fd, 0, allocate(4).address), -ENOENT)
    t.is(syscallEntry().syscall(nr.fcntl, copy.fd, F_GETFD), FD_CLOEXEC)
  })

  test('a released descriptor is not closed', t => {
    const owned = hashMap()
    const fd = owned.release()
    t.true(owned.closed)
    owned.close()
    t.is(syscallEntry().syscall(nr.close, fd), 0)
  })

  test('a number that cannot be a descriptor is not adopted', t => {
    for (const fd of [-1, 1.5, 2 ** 31, 2 ** 32]) {
      t.throws(() => OwnedFd.adopt(fd, 'map'), {
        instanceOf: RangeError,
        message: `Cannot adopt ${fd} as map: a descriptor is an integer from 0 to 2147483647`,
      })
    }
  })
}
