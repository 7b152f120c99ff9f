/**
 * What every backend of `src/syscalls` must do. Each test file that calls this is a process of its own, so one
 * backend serves everything in it.
 *
 * @module
 */

import { closeSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Worker } from 'node:worker_threads'
import type { ExecutionContext, TestFn } from 'ava'
import { mapTypes } from '../../../src/abi/generated/enums.ts'
import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../../../src/abi/generated/flags.ts'
import { attr, mapInfo } from '../../../src/abi/generated/layouts.ts'
import { EPOLL_CTL_ADD, EPOLLIN, F_GETFD, FD_CLOEXEC, O_CLOEXEC, O_NONBLOCK } from '../../../src/abi/linux.ts'
import { EBADF, EEXIST, EINVAL, ENOENT, errnoName, errnos } from '../../../src/base/errno.ts'
import { BpfError } from '../../../src/base/errors.ts'
import type { AttrFields } from '../../../src/syscalls/attr.ts'
import { EpollEvents } from '../../../src/syscalls/backends/epoll.ts'
import type { SyscallEntry } from '../../../src/syscalls/backends/syscall-entry.ts'
import { attrResult32, bpf, bpfAsync } from '../../../src/syscalls/bpf.ts'
import {
  batchCount,
  mapBatch,
  mapDeleteElem,
  mapGetNextKey,
  mapLookupAndDeleteElem,
  mapLookupElem,
  mapUpdateElem,
} from '../../../src/syscalls/elem.ts'
import { syscallEntry } from '../../../src/syscalls/entry.ts'
import { OwnedFd } from '../../../src/syscalls/fd.ts'
import { getInfo, nextId } from '../../../src/syscalls/info.ts'
import { allocate, scratch } from '../../../src/syscalls/memory.ts'
import { type MappingRegion, pageSize, SharedMapping } from '../../../src/syscalls/mmap.ts'
import { nr } from '../../../src/syscalls/numbers.ts'
import { ioctl, perfEventOpen } from '../../../src/syscalls/perf.ts'
import { eventually } from '../poll.ts'

const FIONREAD = 0x541b

function createMap(fields: AttrFields<'map_create'>): OwnedFd {
  const fd = bpf('map_create', fields)
  if (fd < 0) throw new Error(`map_create: ${errnoName(-fd)}`)
  return OwnedFd.adopt(fd, 'test map')
}

function hashMap(entries = 16): OwnedFd {
  return createMap({ map_type: mapTypes.hash, key_size: 4, value_size: 8, max_entries: entries })
}

function arrayMap(fields: AttrFields<'map_create'> = {}): OwnedFd {
  return createMap({
    map_type: mapTypes.array,
    key_size: 4,
    value_size: 8,
    max_entries: pageSize() / 8,
    ...fields,
  })
}

function eventFd(): OwnedFd {
  return OwnedFd.adopt(syscallEntry().syscall(nr.eventfd2, 0, O_CLOEXEC | O_NONBLOCK), 'event')
}

function signal(fd: number): void {
  const one = allocate(8)
  one.bytes[0] = 1
  syscallEntry().syscall(nr.write, fd, one.address, 8)
}

/** Reads an eventfd's counter into memory. */
function drain(fd: number, address = allocate(8).address): number {
  return syscallEntry().syscall(nr.read, fd, address, 8)
}

const countFds = (): number => readdirSync('/proc/self/fd').length

/** Registers the tests: one after the other, since some count descriptors. */
export function conformance(ava: TestFn, backend: SyscallEntry['backend']): void {
  process.env.EBPF_TS_BACKEND = backend
  const test = ava.serial

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

  test('elements are stored, found, walked and removed', t => {
    using map = hashMap()
    const key = allocate(4)
    const value = allocate(8)
    for (const [k, v] of [
      [1, 0x1122334455667788n],
      [2, 2n],
    ] as const) {
      key.view.setUint32(0, k, true)
      value.view.setBigUint64(0, v, true)
      t.is(mapUpdateElem(map.fd, key.address, value.address, 0), 0)
    }
    t.is(mapUpdateElem(map.fd, key.address, value.address, 1), -EEXIST)

    key.view.setUint32(0, 1, true)
    t.is(mapLookupElem(map.fd, key.address, value.address), 0)
    t.is(value.view.getBigUint64(0, true), 0x1122334455667788n)

    const seen: number[] = []
    for (let at = 0; mapGetNextKey(map.fd, at, key.address) === 0; at = key.address) {
      seen.push(key.view.getUint32(0, true))
    }
    t.deepEqual(seen.sort(), [1, 2])

    key.view.setUint32(0, 2, true)
    t.is(mapDeleteElem(map.fd, key.address), 0)
    t.is(mapDeleteElem(map.fd, key.address), -ENOENT)
    t.is(mapLookupElem(map.fd, key.address, value.address), -ENOENT)
    key.view.setUint32(0, 1, true)
    t.is(mapDeleteElem(map.fd, key.address), 0)
    t.is(mapGetNextKey(map.fd, 0, key.address), -ENOENT)
  })

  test('an element is read and removed in one call', t => {
    // Of a queue: hashes have it since 5.14 only.
    using map = createMap({ map_type: mapTypes.queue, value_size: 8, max_entries: 1 })
    const value = allocate(8)
    value.view.setBigUint64(0, 0x1122334455667788n, true)
    t.is(mapUpdateElem(map.fd, 0, value.address, 0), 0)
    value.bytes.fill(0)
    t.is(mapLookupAndDeleteElem(map.fd, 0, value.address), 0)
    t.is(value.view.getBigUint64(0, true), 0x1122334455667788n)
    t.is(mapLookupAndDeleteElem(map.fd, 0, value.address), -ENOENT)
  })

  test('batches store and find many elements', t => {
    using map = hashMap(100)
    const keys = allocate(400)
    const values = allocate(800)
    new Uint32Array(keys.bytes.buffer).forEach((_, i, all) => {
      all[i] = i
    })
    new BigUint64Array(values.bytes.buffer).forEach((_, i, all) => {
      all[i] = BigInt(i) * 3n
    })
    t.is(mapBatch('map_update_batch', map.fd, 0, 0, keys.address, values.address, 100, 0), 0)
    t.is(batchCount(), 100)

    const position = allocate(8)
    const [outKeys, outValues] = [allocate(800), allocate(1600)]
    t.is(
      mapBatch('map_lookup_batch', map.fd, 0, position.address, outKeys.address, outValues.address, 200, 0),
      -2,
    )
    t.is(batchCount(), 100)
    for (let i = 0; i < 100; i++) {
      t.is(outValues.view.getBigUint64(i * 8, true), BigInt(outKeys.view.getUint32(i * 4, true)) * 3n)
    }
    t.is(mapBatch('map_delete_batch', map.fd, 0, 0, keys.address, 0, 100, 0), 0)
    t.is(mapGetNextKey(map.fd, 0, outKeys.address), -ENOENT)
  })

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

  const mapped = (map: OwnedFd, region: Partial<MappingRegion> = {}): SharedMapping =>
    SharedMapping.create(pageSize(), [
      { offset: 0, length: pageSize(), access: 'read_write', fd: map.fd, fileOffset: 0, ...region },
    ])

  const kernelMappings = (): number =>
    readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter(line => line.includes('bpf-map')).length

  test('a mapping shares memory with the kernel, both ways', t => {
    using map = arrayMap({ map_flags: BPF_F_MMAPABLE })
    using mapping = mapped(map)
    const words = new Uint32Array(mapping.buffer, 0, 4)
    const key = allocate(4)
    const value = allocate(8)
    words[0] = 41
    t.is(mapLookupElem(map.fd, key.address, value.address), 0)
    t.is(value.view.getUint32(0, true), 41)
    value.view.setUint32(0, 42, true)
    mapUpdateElem(map.fd, key.address, value.address, 0)
    t.is(words[0], 42)
  })

  test('a stale view of a closed mapping reads zeros', t => {
    using map = arrayMap({ map_flags: BPF_F_MMAPABLE })
    const mapping = mapped(map)
    const words = new Uint32Array(mapping.buffer, 0, 4)
    words[1] = 7
    t.true(kernelMappings() > 0)
    mapping.close()
    mapping.close()
    t.true(mapping.closed)
    t.is(words[1], 0)
    words[1] = 8
    t.is(words[1], 8)
    t.is(kernelMappings(), 0)
  })

  test('a mapping outlives the descriptor it was made from', t => {
    const map = arrayMap({ map_flags: BPF_F_MMAPABLE })
    using mapping = mapped(map)
    map.close()
    new Uint32Array(mapping.buffer, 0, 1)[0] = 9
    t.is(new Uint32Array(mapping.buffer, 0, 1)[0], 9)
  })

  test('what the kernel refuses to map leaves nothing mapped', t => {
    using map = arrayMap({ map_flags: BPF_F_MMAPABLE })
    using plain = arrayMap()
    const page = pageSize()
    const before = kernelMappings()
    t.throws(
      () =>
        SharedMapping.create(2 * page, [
          { offset: 0, length: page, access: 'read', fd: map.fd, fileOffset: 0 },
          { offset: page, length: page, access: 'read_write', fd: plain.fd, fileOffset: 0 },
        ]),
      { instanceOf: BpfError, code: 'EINVAL' },
    )
    t.is(kernelMappings(), before)
  })

  test('a frozen read-only map is mapped for reading only', t => {
    using map = arrayMap({ map_flags: BPF_F_MMAPABLE | BPF_F_RDONLY_PROG })
    t.is(bpf('map_freeze', { map_fd: map.fd }), 0)
    using mapping = mapped(map, { access: 'read' })
    t.is(new Uint32Array(mapping.buffer, 0, 1)[0], 0)
    t.throws(() => mapped(map), { code: 'EPERM' })
  })

  test('a mapping must consist of whole pages within its length', t => {
    using map = arrayMap({ map_flags: BPF_F_MMAPABLE })
    const page = pageSize()
    for (const region of [
      { offset: 1 },
      { length: page - 1 },
      { fileOffset: 8 },
      { offset: page },
      { length: 2 * page },
      { length: 0 },
      { offset: -page },
    ]) {
      t.throws(() => mapped(map, region), { instanceOf: RangeError }, JSON.stringify(region))
    }
    t.throws(() => SharedMapping.create(page + 1, []), {
      message: `Cannot map memory: length ${page + 1} is not a multiple of the page size ${page}`,
    })
    t.throws(() => SharedMapping.create(0, []), { instanceOf: RangeError })
  })

  test('a worker sees a mapping that it is sent', async t => {
    using map = arrayMap({ map_flags: BPF_F_MMAPABLE })
    using mapping = mapped(map)
    const source = `
      const { parentPort, workerData } = require('node:worker_threads')
      new Uint32Array(workerData, 0, 1)[0] = 1234
      parentPort.postMessage('written')`
    const worker = new Worker(source, { eval: true, workerData: mapping.buffer })
    await new Promise(resolve => worker.once('message', resolve))
    await worker.terminate()
    const value = allocate(8)
    mapLookupElem(map.fd, allocate(4).address, value.address)
    t.is(value.view.getUint32(0, true), 1234)
  })

  const untilCalled = async (t: ExecutionContext, done: () => boolean): Promise<void> => {
    t.true(await eventually(done))
  }

  test('a watcher is called again until its descriptor is drained', async t => {
    using event = eventFd()
    let calls = 0
    const watcher = syscallEntry().watch(event.fd, () => {
      if (++calls === 3) drain(event.fd)
    })
    signal(event.fd)
    await untilCalled(t, () => calls >= 3)
    await new Promise(resolve => setTimeout(resolve, 20))
    t.is(calls, 3)
    watcher.close()
  })

  test('a callback gets no arguments, with either backend', async t => {
    using event = eventFd()
    const calls: unknown[][] = []
    const watcher = syscallEntry().watch(event.fd, (...given: unknown[]) => {
      calls.push(given)
      watcher.close()
    })
    signal(event.fd)
    await untilCalled(t, () => calls.length > 0)
    t.deepEqual(calls, [[]])
  })

  test('a stopped watcher is silent until it is started', async t => {
    using event = eventFd()
    let calls = 0
    const watcher = syscallEntry().watch(event.fd, () => {
      calls++
      watcher.stop()
    })
    signal(event.fd)
    await untilCalled(t, () => calls === 1)
    await new Promise(resolve => setTimeout(resolve, 20))
    t.is(calls, 1)
    watcher.start()
    watcher.start()
    await untilCalled(t, () => calls === 2)
    watcher.close()
  })

  test('a closed watcher is silent, and cannot be started', async t => {
    using event = eventFd()
    let calls = 0
    const watcher = syscallEntry().watch(event.fd, () => calls++)
    signal(event.fd)
    watcher.close()
    watcher.close()
    watcher.stop()
    watcher.ref()
    watcher.unref()
    await new Promise(resolve => setTimeout(resolve, 20))
    t.is(calls, 0)
    t.throws(() => watcher.start(), {
      instanceOf: BpfError,
      code: 'ERR_CLOSED',
      message: 'Watcher is closed',
    })
  })

  test('one descriptor can have several watchers, and be closed before them', async t => {
    const event = eventFd()
    const calls = [0, 0]
    const watchers = calls.map((_, i) =>
      syscallEntry().watch(event.fd, () => {
        calls[i] = 1
        watchers[i]!.stop()
      }),
    )
    signal(event.fd)
    await untilCalled(t, () => calls[0] === 1 && calls[1] === 1)
    event.close()
    for (const watcher of watchers) watcher.start()
    for (const watcher of watchers) watcher.close()
  })

  test('a descriptor that cannot be watched gives an error and leaves nothing open', t => {
    syscallEntry()
      .watch(0, () => {})
      .close()
    const before = countFds()
    t.throws(() => syscallEntry().watch(99_999, () => {}), {
      instanceOf: BpfError,
      code: 'EBADF',
      message: 'Cannot watch descriptor 99999: Bad file descriptor (EBADF)',
    })
    const file = openSync('/proc/self/exe', 'r')
    t.throws(() => syscallEntry().watch(file, () => {}), {
      instanceOf: BpfError,
      code: 'EPERM',
      message: `Cannot watch descriptor ${file}: its kind of file cannot be waited for (EPERM)`,
    })
    closeSync(file)
    t.is(countFds(), before)
  })

  test('watchers leave no descriptor behind', async t => {
    using event = eventFd()
    const before = countFds()
    for (let i = 0; i < 20; i++)
      syscallEntry()
        .watch(event.fd, () => {})
        .close()
    t.true(await eventually(() => countFds() === before), `${countFds()} descriptors, ${before} before`)
  })
}
