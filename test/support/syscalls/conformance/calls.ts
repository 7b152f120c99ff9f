/**
 * System calls, `bpf(2)` and the memory that they are given.
 *
 * @module
 */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { TestFn } from 'ava'
import { mapTypes } from '../../../../src/abi/generated/enums.ts'
import { attr, mapInfo } from '../../../../src/abi/generated/layouts.ts'
import { EPOLL_CTL_ADD, EPOLLIN, O_CLOEXEC } from '../../../../src/abi/linux.ts'
import { EBADF, EINVAL, ENOENT, errnos } from '../../../../src/base/errno.ts'
import { EpollEvents } from '../../../../src/syscalls/backends/epoll.ts'
import type { SyscallEntry } from '../../../../src/syscalls/backends/syscall-entry.ts'
import { attrResult32, bpf, bpfAsync } from '../../../../src/syscalls/bpf.ts'
import { syscallEntry } from '../../../../src/syscalls/entry.ts'
import { OwnedFd } from '../../../../src/syscalls/fd.ts'
import { getInfo, nextId } from '../../../../src/syscalls/info.ts'
import { allocate, scratch } from '../../../../src/syscalls/memory.ts'
import { pageSize } from '../../../../src/syscalls/mmap.ts'
import { nr } from '../../../../src/syscalls/numbers.ts'
import { createMap, drain, eventFd, hashMap, signal } from './objects.ts'

/** Registers the tests. */
export function testCalls(test: TestFn['serial'], backend: SyscallEntry['backend']): void {
  test('the backend is the one asked for', t => {
    t.is(syscallEntry().backend, backend)
  })

  test('a system call returns its result', t => {
    const { syscall } = syscallEntry()
    t.is(syscall(nr.getpid), process.pid)
  })

  test('a system call returns -errno', t => {
    const { syscall } = syscallEntry()
    t.is(syscall(nr.close, 99_999), -EBADF)
    t.is(syscall(nr.epoll_create1, -1), -EINVAL)
    t.is(syscall(99_999), -errnos.ENOSYS)
  })

  test('addresses above 4 GiB pass through a system call unharmed', t => {
    const { syscall } = syscallEntry()
    const address = syscall(nr.mmap, 0, pageSize(), 0, 0x22, -1, 0)
    t.true(address > 2 ** 32)
    t.is(syscall(nr.munmap, address, pageSize()), 0)
  })

  test('a prepared system call reads its number and its arguments when it is made', t => {
    const { call, make } = syscallEntry().prepare()
    const write = (...words: readonly number[]): void => {
      call.fill(0)
      for (const [i, word] of words.entries()) {
        call[2 * i] = word
        call[2 * i + 1] = Math.floor(word / 2 ** 32)
      }
    }
    write(nr.getpid)
    t.is(make(), process.pid)
    write(nr.close, 99_999)
    t.is(make(), -EBADF)
    write(nr.mmap, 0, pageSize(), 0, 0x22, -1, 0)
    const address = make()
    t.true(address > 2 ** 32)
    write(nr.munmap, address, pageSize())
    t.is(make(), 0)
    write(nr.munmap, address + 1, pageSize())
    t.is(make(), -EINVAL)
  })

  test('a prepared system call keeps its arguments', t => {
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const makers = Array.from({ length: 100 }, () => {
      const { call, make } = syscallEntry().prepare()
      call[0] = nr.getpid
      return make
    })
    for (let round = 0; round < 5; round++) {
      collect()
      // What would take the place of memory that was let go.
      Array.from({ length: 1000 }, () => new Uint32Array(new ArrayBuffer(56)).fill(99_999))
      t.true(makers.every(make => make() === process.pid))
    }
  })

  test('asynchronous calls return each its own errno', async t => {
    const { syscallAsync } = syscallEntry()
    // More than koffi takes at once, and far more than the pool has threads.
    const calls = Array.from({ length: 300 }, (_, i): [Promise<number>, number] => {
      if (i % 3 === 0) return [syscallAsync(nr.close, 99_999), -EBADF]
      if (i % 3 === 1) return [syscallAsync(nr.epoll_create1, -1), -EINVAL]
      return [syscallAsync(nr.getpid), process.pid]
    })
    t.deepEqual(
      await Promise.all(calls.map(([result]) => result)),
      calls.map(([, expected]) => expected),
    )
  })

  test('an asynchronous call lets the event loop run', async t => {
    using event = eventFd()
    const entry = syscallEntry()
    using epoll = OwnedFd.adopt(entry.syscall(nr.epoll_create1, O_CLOEXEC), 'epoll')
    const events = new EpollEvents(entry, 1)
    events.set(EPOLLIN, 1)
    t.is(entry.syscall(nr.epoll_ctl, epoll.fd, EPOLL_CTL_ADD, event.fd, events.address), 0)
    // The wait ends with an event when the loop runs the timer, and without one after a minute.
    const waiting = entry.syscallAsync(nr.epoll_pwait, epoll.fd, events.address, 1, 60_000)
    setTimeout(() => signal(event.fd), 1)
    t.is(await waiting, 1)
    t.is(events.data(0), 1)
  })

  const views: Record<string, () => ArrayBufferView> = {
    'a typed array': () => new BigUint64Array(1),
    'a small typed array': () => new Uint8Array(8),
    'a view with an offset': () => new Uint8Array(32).subarray(16, 24),
    'a DataView': () => new DataView(new ArrayBuffer(24), 8, 8),
    'shared memory': () => new Uint8Array(new SharedArrayBuffer(24), 8, 8),
    'a DataView of shared memory': () => new DataView(new SharedArrayBuffer(24), 16),
    'a Buffer of the pool': () => Buffer.allocUnsafe(8),
  }
  for (const [name, make] of Object.entries(views)) {
    test(`addressOf finds the bytes of ${name}`, t => {
      using event = eventFd()
      signal(event.fd)
      const view = make()
      t.is(drain(event.fd, syscallEntry().addressOf(view)), 8)
      t.is(new DataView(view.buffer, view.byteOffset, 8).getBigUint64(0, true), 1n)
    })
  }

  test('addressOf takes an empty view', t => {
    t.is(syscallEntry().addressOf(new Uint8Array(0)), 0)
  })

  test('memory is zero, fixed, and of the size asked for', t => {
    const memory = allocate(100)
    t.is(memory.bytes.length, 100)
    t.is(memory.view.byteLength, 100)
    t.true(memory.bytes.every(byte => byte === 0))
    t.is(syscallEntry().addressOf(memory.bytes), memory.address)
    t.true(allocate(0).address > 0)
  })

  test('scratch memory grows and is reused', t => {
    const first = scratch(10)
    t.is(scratch(20), first)
    t.true(scratch(100_000).bytes.length >= 100_000)
  })

  test('bpf() creates what its fields say', t => {
    using map = createMap({
      map_type: mapTypes.hash,
      key_size: 4,
      value_size: 8,
      max_entries: 7,
      map_name: 'conformance',
    })
    const info = allocate(mapInfo.$size)
    t.true(getInfo(map.fd, info) >= mapInfo.btf_value_type_id)
    t.is(info.view.getUint32(mapInfo.max_entries, true), 7)
    t.is(Buffer.from(info.bytes.subarray(mapInfo.name, mapInfo.name + 12)).toString(), 'conformance\0')
  })

  test('bpf() returns kernel errors', t => {
    t.is(bpf('map_create', { map_type: 0xffff }), -EINVAL)
    t.is(bpf('map_get_fd_by_id', { map_id: 0x7fffffff }), -ENOENT)
    t.is(bpf('obj_get', { pathname: '/nonexistent/pin' }), -ENOENT)
  })

  test('bpf() throws for a field that the command does not have', t => {
    const fields: object = { prog_fd: 1 }
    t.throws(() => bpf('map_create', fields), {
      instanceOf: RangeError,
      message: 'Cannot write bpf_attr: it has no field prog_fd',
    })
  })

  test('attrResult32 reads what the kernel wrote', t => {
    using map = hashMap()
    const info = allocate(mapInfo.$size)
    getInfo(map.fd, info)
    const id = info.view.getUint32(mapInfo.id, true)
    t.is(bpf('map_get_next_id', { start_id: id - 1 }), 0)
    t.is(attrResult32(attr.get_id.next_id), id)
  })

  test('nextId walks the ids up to ENOENT', t => {
    using map = hashMap()
    const info = allocate(mapInfo.$size)
    getInfo(map.fd, info)
    const id = info.view.getUint32(mapInfo.id, true)
    t.is(nextId('map_get_next_id', id - 1), id)
    t.is(nextId('map_get_next_id', 0x7ffffffe), -ENOENT)
  })

  test('bpfAsync returns the result and the written attr', async t => {
    const failed = await bpfAsync('map_create', { map_type: 0xffff })
    t.is(failed.result, -EINVAL)
    t.is(failed.attr.getUint32(attr.map_create.map_type, true), 0xffff)
    using map = hashMap()
    const info = allocate(mapInfo.$size)
    const done = await bpfAsync('obj_get_info_by_fd', {
      bpf_fd: map.fd,
      info_len: mapInfo.$size,
      info: info.bytes,
    })
    t.is(done.result, 0)
    t.is(done.attr.getUint32(attr.info.info_len, true), getInfo(map.fd, info))
    await t.throwsAsync(bpfAsync('map_create', { max_entries: 1.5 }), { instanceOf: RangeError })
  })
}
