import { readFileSync } from 'node:fs'
import { BPF_F_RDONLY } from '../../../src/abi/generated/flags.ts'
import { array, cString, struct, u32 } from '../../../src/base/codecs.ts'
import { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { RingBuffer } from '../../../src/readers/ring-buffer.ts'
import { bpf } from '../../../src/syscalls/bpf.ts'
import { pageSize } from '../../../src/syscalls/mmap.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { MAX_RECORD } from '../../support/readers/record-code.ts'
import {
  createRing,
  discardProgram,
  outputProgram,
  ringBuffers,
  run,
  send,
} from '../../support/readers/ring-programs.ts'
import { bytes, countFds, drain, setUp } from '../../support/readers/ring-setup.ts'

function mappings(): string[] {
  return readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter(line => line.includes('bpf-map'))
}

kernelTest('records come in order, with their content', [ringBuffers], t => {
  const { ring, program } = setUp(t)
  const sent = [1, 7, 8, 9, 100, MAX_RECORD].map((length, i) => new Uint8Array(length).fill(i + 1))
  for (const data of sent) t.true(send(program, data))
  t.deepEqual(
    drain(ring),
    sent.map(data => [...data]),
  )
  t.deepEqual(drain(ring), [])
  t.deepEqual(ring.maps, ['events'])
})

kernelTest('a small ring wraps around many times', [ringBuffers], t => {
  const { ring, program } = setUp(t)
  const total = 5000
  let written = 0
  let read = 0
  while (read < total) {
    while (written < total) {
      if (!send(program, new Uint8Array(1 + (written % MAX_RECORD)).fill(written))) break
      written++
    }
    ring.drain(({ data }) => {
      const expected = new Uint8Array(1 + (read % MAX_RECORD)).fill(read)
      if (Buffer.compare(data, expected) !== 0) t.fail(`record ${read}`)
      read++
    })
  }
  t.is(read, total)
  t.deepEqual(ring.availableBytes, [0])
})

kernelTest('discarded records are skipped', [ringBuffers], t => {
  const { map, ring, program } = setUp(t)
  using discard = discardProgram(map)
  run(discard)
  send(program, bytes(1))
  run(discard)
  run(discard)
  send(program, bytes(2))
  run(discard)
  t.deepEqual(ring.availableBytes, [4 * 48 + 2 * 16])
  t.deepEqual(drain(ring), [[1], [2]])
  t.deepEqual(ring.availableBytes, [0])
})

kernelTest('a full ring refuses records until it is drained', [ringBuffers], t => {
  const { ring, program } = setUp(t)
  for (let round = 0; round < 3; round++) {
    let sent = 0
    while (send(program, bytes(sent, round))) sent++
    // The kernel never fills it to the last byte.
    t.is(sent, pageSize() / 16 - 1)
    t.false(send(program, bytes(0)))
    const records = drain(ring)
    t.is(records.length, sent)
    t.deepEqual(records[sent - 1], [(sent - 1) & 0xff, round])
  }
})

kernelTest('a limit leaves the rest in the ring', [ringBuffers], t => {
  const { ring, program } = setUp(t)
  for (let i = 0; i < 5; i++) send(program, bytes(i))
  t.deepEqual(drain(ring, 2), [[0], [1]])
  t.deepEqual(ring.availableBytes, [3 * 16])
  t.deepEqual(drain(ring, 10), [[2], [3], [4]])
  for (const limit of [0, -1, 1.5, Number.NaN]) {
    t.throws(() => ring.drain(() => {}, { limit }), {
      instanceOf: RangeError,
      message: `Cannot drain ring buffer events: limit ${limit} is not a positive integer`,
    })
  }
})

kernelTest(
  'several maps are read by one reader, and a busy one does not starve the others',
  [ringBuffers],
  async t => {
    using a = createRing('a')
    using b = createRing('b')
    using sendA = outputProgram(a)
    using sendB = outputProgram(b)
    using ring = RingBuffer.open(new Set([a, b]))
    t.deepEqual(ring.maps, ['a', 'b'])
    const fill = (): void => {
      for (let i = 0; i < 4; i++) send(sendA, bytes(i))
      send(sendB, bytes(9))
    }
    fill()
    const sources: string[] = []
    t.is(
      ring.drain(({ source }) => sources.push(source), { limit: 2 }),
      2,
    )
    t.is(
      ring.drain(({ source }) => sources.push(source), { limit: 2 }),
      2,
    )
    t.deepEqual(sources, ['a', 'a', 'b', 'a'])
    drain(ring)

    fill()
    const iterated: string[] = []
    for await (const { source, data } of ring.records()) {
      iterated.push(`${source}${data[0]}`)
      if (iterated.length === 5) break
    }
    t.is(iterated.indexOf('b9') < 2, true)
    t.deepEqual(
      iterated.filter(each => each.startsWith('a')),
      ['a0', 'a1', 'a2', 'a3'],
    )
  },
)

kernelTest('the record whose callback throws is consumed', [ringBuffers], t => {
  const { ring, program } = setUp(t)
  for (let i = 0; i < 4; i++) send(program, bytes(i))
  const error = new Error('enough')
  const thrown = t.throws(() =>
    ring.drain(({ data }) => {
      if (data[0] === 1) throw error
    }),
  )
  t.is(thrown, error)
  t.deepEqual(drain(ring), [[2], [3]])
})

kernelTest('the callback may close the reader; its view then reads zeros', [ringBuffers], t => {
  const { map, ring, program } = setUp(t)
  for (let i = 1; i < 5; i++) send(program, bytes(i))
  let after: number | undefined
  t.is(
    ring.drain(({ data }) => {
      if (data[0] !== 2) return
      ring.close()
      after = data[0]
    }),
    2,
  )
  t.is(after, 0)
  t.true(ring.closed)
  using again = RingBuffer.open(map)
  t.deepEqual(drain(again), [[3], [4]])
})

kernelTest('the callback cannot read the ring it is called from', [ringBuffers], async t => {
  const { ring, program } = setUp(t)
  send(program, bytes(1))
  send(program, bytes(2))
  const nested: Promise<unknown>[] = []
  t.is(
    ring.drain(({ data }) => {
      const before = [...data]
      t.throws(() => ring.drain(() => {}), {
        code: 'ERR_BUSY',
        message: 'Cannot read ring buffer events from the callback of its own drain',
      })
      nested.push(t.throwsAsync(ring.records().next(), { code: 'ERR_BUSY' }))
      t.deepEqual([...data], before)
    }),
    2,
  )
  await Promise.all(nested)
})

kernelTest('a closed reader cannot be used; closing twice does nothing', [ringBuffers], async t => {
  const { ring, program } = setUp(t)
  send(program, bytes(1))
  const iterator = ring.records()
  ring.close()
  ring.close()
  t.true(ring.closed)
  const closed = { code: 'ERR_CLOSED', message: 'Ring buffer events is closed' }
  t.throws(() => ring.drain(() => {}), closed)
  t.throws(() => ring.records(), closed)
  t.deepEqual(await iterator.next(), { done: true, value: undefined })
  t.deepEqual(ring.availableBytes, [0])
})

kernelTest('a reader outlives the handle of its map', [ringBuffers], async t => {
  const { map, ring, program } = setUp(t)
  map.close()
  const next = ring.records().next()
  send(program, bytes(3))
  t.deepEqual((await next).value?.data, bytes(3))
})

kernelTest('records are decoded through the codec that was given', [ringBuffers], async t => {
  using map = createRing()
  using program = outputProgram(map)
  const event = struct({ pid: u32, comm: cString(8), rest: array(u32, 2) })
  using ring = RingBuffer.open(map, { codec: event })
  const data = bytes(1, 0, 0, 0, 0x73, 0x68, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0)
  const value = { pid: 1, comm: 'sh', rest: [2, 3] }
  send(program, data)
  send(program, data)
  send(program, data.subarray(0, 19))
  t.is(
    ring.drain(record => t.deepEqual(record.value, value), { limit: 1 }),
    1,
  )
  const records = ring.records()
  t.deepEqual((await records.next()).value?.value, value)
  const short = (await records.next()).value
  t.throws(() => short?.value, {
    code: 'ERR_RECORD_SIZE',
    message: 'Cannot decode a record of map events: it has 19 bytes, its type has 20',
  })
})

kernelTest('records are decoded through the BTF type of the map', [ringBuffers], async t => {
  const builder = new BtfBuilder()
  const int = { kind: 'int', size: 4, encoding: 'unsigned', bitOffset: 0, bits: 32 } as const
  const type = builder.add({ ...int, name: 'u32' })
  const member = { type, bitSize: 0 }
  const valueTypeId = builder.add({
    kind: 'struct',
    name: 'event',
    size: 8,
    members: [
      { ...member, name: 'pid', bitOffset: 0 },
      { ...member, name: 'code', bitOffset: 32 },
    ],
  })
  const btf = Btf.parse(builder.build())
  using map = BpfMap.create({ name: 'events', type: 'ringbuf', maxEntries: pageSize(), btf, valueTypeId })
  using program = outputProgram(map)
  using ring = RingBuffer.open(map)
  for (let i = 0; i < 2; i++) send(program, bytes(1, 0, 0, 0, 2, 0, 0, 0))
  send(program, bytes(1, 0, 0, 0))
  t.is(
    ring.drain(record => t.deepEqual(record.value, { pid: 1, code: 2 }), { limit: 1 }),
    1,
  )
  const records = ring.records()
  t.deepEqual((await records.next()).value?.value, { pid: 1, code: 2 })
  const short = (await records.next()).value
  t.throws(() => short?.value, { code: 'ERR_RECORD_SIZE' })
})

kernelTest('records of a map without BTF are bytes only', [ringBuffers], t => {
  const { map, program, ring: typed } = setUp(t)
  typed.close()
  using opened = BpfMap.fromId(map.id)
  using ring = RingBuffer.open(opened)
  send(program, bytes(1))
  ring.drain(record => {
    t.deepEqual([...record.data], [1])
    t.throws(() => record.value, {
      code: 'ERR_NO_BTF',
      message: 'Cannot decode a record of map events: the map has no BTF of its type and no codec was given',
    })
  })
})

kernelTest('only ring buffers can be opened', [ringBuffers], t => {
  using ring = createRing()
  using hash = BpfMap.create({ name: 'counts', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 1 })
  const message = 'Cannot read map counts: it is of type hash, not ringbuf'
  t.throws(() => RingBuffer.open(hash), { instanceOf: TypeError, message })
  t.throws(() => RingBuffer.open([ring, hash]), { instanceOf: TypeError, message })
  t.throws(() => RingBuffer.open([]), {
    instanceOf: TypeError,
    message: 'Cannot open a ring buffer: no map was given',
  })
  t.deepEqual(mappings(), [])
})

kernelTest('arguments of the wrong kind are told before anything is read', [ringBuffers], t => {
  const { ring, program, map } = setUp(t)
  const wrong = (value: unknown): never => value as never
  t.true(send(program, new Uint8Array(8)))
  t.throws(() => ring.drain(wrong(undefined)), { instanceOf: TypeError, message: /events: the callback/ })
  t.throws(() => ring.records({ signal: wrong(5) }), { instanceOf: TypeError, message: /events: the signal/ })
  t.throws(() => RingBuffer.open(map, { codec: wrong({ a: u32 }) }), {
    instanceOf: TypeError,
    message: /the codec/,
  })
  t.throws(() => RingBuffer.open(wrong(undefined)), { instanceOf: TypeError, message: /no map was given/ })
  t.is(drain(ring).length, 1)
})

kernelTest('nothing stays mapped when opening fails', [ringBuffers], t => {
  using good = createRing('good')
  using array = BpfMap.create({ name: 'counts', type: 'array', keySize: 4, valueSize: 8, maxEntries: 1 })
  // The kernel says what a descriptor is, whatever the caller says.
  const wrong = { fd: array.fd, name: 'wrong', type: 'ringbuf', maxEntries: pageSize() }
  const fds = countFds()
  t.throws(() => RingBuffer.open([good, wrong]), {
    instanceOf: TypeError,
    message: 'Cannot read map wrong: it is of type array, not ringbuf',
  })
  t.throws(() => RingBuffer.open([good, { fd: 1, name: 'output' }]), {
    code: 'ERR_NOT_A_MAP',
    message: /^Cannot read map output: descriptor 1 is .*, not a map$/,
  })
  t.throws(() => RingBuffer.open({ fd: 2 ** 32, name: 'huge' }), { instanceOf: RangeError })
  good.close()
  t.throws(() => RingBuffer.open(good), { code: 'ERR_CLOSED' })
  t.deepEqual(mappings(), [])
  t.is(countFds(), fds - 1)
})

kernelTest('the sizes of a ring come from the kernel', [ringBuffers], t => {
  const { map, program, ring } = setUp(t)
  ring.close()
  const lying = { fd: map.fd, name: 'lying', maxEntries: 8 * map.maxEntries }
  using reader = RingBuffer.open(lying)
  t.true(send(program, new Uint8Array(8)))
  t.is(drain(reader).length, 1)
})

kernelTest('a map has one reader in a thread', [ringBuffers], t => {
  const { map, ring } = setUp(t)
  const busy = { code: 'ERR_BUSY', message: /^Cannot open ring buffer \w+: this thread reads it already/ }
  t.throws(() => RingBuffer.open(map), busy)
  using other = createRing('other')
  t.throws(() => RingBuffer.open([other, other]), { code: 'ERR_BUSY' })
  ring.close()
  const again = RingBuffer.open([map, other])
  again.close()
  RingBuffer.open(other).close()
  t.deepEqual(mappings(), [])
})

kernelTest('a map that may only be read cannot be consumed', [ringBuffers], t => {
  using map = createRing()
  using readOnly = BpfMap.fromFd(bpf('map_get_fd_by_id', { map_id: map.id, open_flags: BPF_F_RDONLY }))
  t.throws(() => RingBuffer.open(readOnly), { code: 'EACCES', message: /^Cannot open ring buffer events: / })
  t.deepEqual(mappings(), [])
})

kernelTest('closing leaves no mapping and no descriptor', [ringBuffers], async t => {
  using map = createRing()
  const fds = countFds()
  const ring = RingBuffer.open(map)
  t.is(mappings().length, 2)
  const next = ring.records().next()
  ring.close()
  t.true((await next).done)
  t.deepEqual(mappings(), [])
  t.is(countFds(), fds)
})
