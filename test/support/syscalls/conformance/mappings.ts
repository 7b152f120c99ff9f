/**
 * Memory that is shared with the kernel.
 *
 * @module
 */

import { readFileSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { TestFn } from 'ava'
import { BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../../../../src/abi/generated/flags.ts'
import { BpfError } from '../../../../src/base/errors.ts'
import { bpf } from '../../../../src/syscalls/bpf.ts'
import { mapLookupElem, mapUpdateElem } from '../../../../src/syscalls/elem.ts'
import type { OwnedFd } from '../../../../src/syscalls/fd.ts'
import { allocate } from '../../../../src/syscalls/memory.ts'
import { type MappingRegion, pageSize, SharedMapping } from '../../../../src/syscalls/mmap.ts'
import { arrayMap } from './objects.ts'

/** Registers the tests. */
export function testMappings(test: TestFn['serial']): void {
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
}
