import { once } from 'node:events'
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import { inspect } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { ExecutionContext } from 'ava'
import { BPF_F_RDONLY } from '../../../src/abi/generated/flags.ts'
import { u64 } from '../../../src/base/codecs.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { FreeSpace } from '../../../src/readers/user-ring/free-space.ts'
import { UserRingBuffer } from '../../../src/readers/user-ring/user-ring-buffer.ts'
import { bpf } from '../../../src/syscalls/bpf.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { loadObject, runOnce } from '../../support/objects.ts'
import { createRing } from '../../support/readers/ring-programs.ts'
import { countFds } from '../../support/readers/ring-setup.ts'
import { command, commandOf, userRings } from '../../support/readers/user-ring-command.ts'
import type { UserRingThreadData } from '../../support/readers/user-ring-thread.ts'
import { wrongHandles } from '../../support/readers/wrong-handles.ts'

const threadScript = new URL('../../support/readers/user-ring-thread.js', import.meta.url)

/** The object, loaded: its map, a run of its program, and what that has counted. */
function setUp(t: ExecutionContext) {
  const collection = loadObject('user-ring')
  t.teardown(() => collection.close())
  const { maps, programs, variables } = collection
  const program = programs.get('drain')
  const number = (name: string): number => Number(variables.get(name).get())
  return {
    map: maps.get('commands'),
    /** Returns how many records the program took, or -errno. */
    drain: () => runOnce(program) | 0,
    counts: () => ({ received: number('received'), torn: number('torn'), disordered: number('disordered') }),
    counted: () => variables.get('counts').get() as number[],
  }
}

kernelTest('records reach the program whole and in order', [userRings], t => {
  const { map, drain, counts } = setUp(t)
  using ring = UserRingBuffer.open(map, { codec: command })
  t.is(ring.name, 'commands')
  t.is(drain(), 0)
  let sequence = 0
  for (let round = 0; round < 50; round++) {
    let sent = 0
    while (ring.send(commandOf(1, sequence + 1))) {
      sequence++
      sent++
    }
    t.is(sent, (ring.size / 24) | 0)
    t.is(ring.usedBytes, sent * 24)
    t.is(drain(), sent)
    t.is(ring.usedBytes, 0)
  }
  t.deepEqual(counts(), { received: sequence, torn: 0, disordered: 0 })
})

kernelTest('the type of the map says how a value is written', [userRings], t => {
  const { map, drain, counts } = setUp(t)
  using ring = UserRingBuffer.open(map)
  t.true(ring.send(commandOf(2, 1)))
  t.throws(() => ring.send({ producer: 'one' }), {
    instanceOf: TypeError,
    message: /^Cannot send to user ring buffer commands: /,
  })
  t.true(ring.send(commandOf(2, 2)))
  t.is(drain(), 2)
  t.deepEqual(counts(), { received: 2, torn: 0, disordered: 0 })
  ring.close()
  using untyped = UserRingBuffer.open({ fd: map.fd, name: 'untyped' })
  t.throws(() => untyped.send(1), {
    code: 'ERR_NO_BTF',
    message: /no BTF of its type and no codec was given/,
  })
})

kernelTest('a reserved record keeps those behind it until it is submitted or discarded', [userRings], t => {
  const { map, drain, counts } = setUp(t)
  using ring = UserRingBuffer.open(map, { codec: command })
  const first = ring.reserve(command.size)!
  t.true(ring.send(commandOf(1, 2)))
  t.is(drain(), 0)
  command.encode(commandOf(1, 1), first.view, first.offset)
  t.is(first.data.length, command.size)
  first.submit()
  t.throws(() => first.submit(), { code: 'EINVAL', message: /is finished already$/ })
  {
    using abandoned = ring.reserve(100)!
    t.is(abandoned.length, 100)
  }
  t.true(ring.send(commandOf(1, 3)))
  t.is(drain(), 3)
  t.deepEqual(counts(), { received: 3, torn: 0, disordered: 0 })
})

kernelTest('who waits for room gets it when the program drains', [userRings], async t => {
  const { map, drain, counts } = setUp(t)
  using ring = UserRingBuffer.open(map, { codec: command })
  let sequence = 0
  while (ring.send(commandOf(1, sequence + 1))) sequence++
  let settled = false
  const waiting = ring.sendWhenFree(commandOf(1, sequence + 1)).then(() => {
    settled = true
  })
  await sleep(20)
  t.false(settled)
  t.is(drain(), sequence)
  await waiting
  // The whole ring: what is free is not enough until all is.
  const large = ring.reserveWhenFree(ring.size - 8)
  await sleep(5)
  t.is(drain(), 1)
  ;(await large).discard()
  t.is(drain(), 0)
  t.deepEqual(counts(), { received: sequence + 1, torn: 0, disordered: 0 })
})

kernelTest('a wake-up that another waiter finds first ends the waits before it', [userRings], async t => {
  const { map, drain } = setUp(t)
  using ring = UserRingBuffer.open(map, { codec: command })
  while (ring.send(commandOf(1, 1)));
  using space = new FreeSpace(map.fd)
  space.clear()
  const waiting = space.wait(undefined).then(() => 'woken')
  t.true(drain() > 0)
  space.clear()
  t.is(await Promise.race([waiting, turn('late')]), 'woken')
})

kernelTest('what has room is sent without a look at wake-ups', [userRings], async t => {
  const { map } = setUp(t)
  using ring = UserRingBuffer.open(map, { codec: command })
  const fds = countFds()
  await ring.sendWhenFree(commandOf(1, 1))
  t.is(countFds(), fds)
})

kernelTest('a wait ends when its signal aborts, and when the ring is closed', [userRings], async t => {
  const { map } = setUp(t)
  using ring = UserRingBuffer.open(map, { codec: command })
  ring.reserve(ring.size - 8)
  const controller = new AbortController()
  const aborted = ring.sendWhenFree(commandOf(1, 1), { signal: controller.signal })
  const closed = ring.reserveWhenFree(8)
  await sleep(5)
  controller.abort()
  const reason = (error: unknown): unknown => error
  t.is(await aborted.catch(reason), controller.signal.reason)
  const { signal } = controller
  t.is(await ring.reserveWhenFree(8, { signal }).catch(reason), signal.reason)
  ring.close()
  await t.throwsAsync(closed, { code: 'ERR_CLOSED' })
  await t.throwsAsync(ring.reserveWhenFree(8), { code: 'ERR_CLOSED' })
})

kernelTest('what an earlier producer left unfinished is discarded when the map is opened', [userRings], t => {
  const { map, drain } = setUp(t)
  const earlier = UserRingBuffer.open(map, { codec: command })
  const left = earlier.reserve(command.size)!
  t.true(earlier.send(commandOf(1, 1)))
  t.throws(() => UserRingBuffer.open(map), { code: 'ERR_BUSY', message: /this thread writes to it already/ })
  earlier.close()
  t.throws(() => left.submit(), { code: 'ERR_CLOSED' })
  t.throws(() => earlier.send(commandOf(1, 2)), { code: 'ERR_CLOSED' })
  t.notThrows(() => left.discard())
  using _ring = UserRingBuffer.open(map)
  t.is(drain(), 1)
})

kernelTest(
  'several threads send, one is terminated, and nothing is torn, lost or stuck',
  [userRings],
  async t => {
    const { map, drain, counts, counted } = setUp(t)
    using ring = UserRingBuffer.open(map, { codec: command })
    const sent = new Int32Array(new SharedArrayBuffer(4 * 8))
    const start = async (producer: number, count: number): Promise<Worker> => {
      const workerData: UserRingThreadData = { handle: ring.share(), producer, count, sent }
      const worker = new Worker(threadScript, { workerData })
      await once(worker, 'message')
      return worker
    }
    const COUNT = 4000
    const staying = await Promise.all([start(1, COUNT), start(2, COUNT)])
    const ended = Promise.all(staying.map(worker => once(worker, 'exit')))
    let over = false
    void ended.finally(() => {
      over = true
    })
    const drains = (async () => {
      while (!over) {
        if (drain() < 0) t.fail('the program could not drain')
        await sleep(1)
      }
    })()
    for (let producer = 3; producer < 8; producer++) {
      const worker = await start(producer, 1e9)
      await sleep(3 + producer)
      await worker.terminate()
      if (producer % 2 === 0) ring.recover()
    }
    t.deepEqual(await ended, [[0], [0]])
    await drains
    ring.recover()
    drain()
    t.is(ring.usedBytes, 0)
    const { torn, disordered, received } = counts()
    t.deepEqual({ torn, disordered }, { torn: 0, disordered: 0 })
    const arrived = counted()
    t.deepEqual([arrived[1], arrived[2]], [COUNT, COUNT])
    for (let producer = 3; producer < 8; producer++) {
      // It may have ended between sending and counting.
      const difference = arrived[producer]! - sent[producer]!
      t.true(difference === 0 || difference === 1, `${arrived[producer]} of ${sent[producer]}`)
    }
    t.is(
      received,
      arrived.reduce((sum, each) => sum + each, 0),
    )
  },
)

kernelTest('what cannot be written to is refused, and nothing stays open', [userRings], t => {
  const { map } = setUp(t)
  using ordinary = createRing('ordinary')
  using readOnly = BpfMap.fromFd(bpf('map_get_fd_by_id', { map_id: map.id, open_flags: BPF_F_RDONLY }))
  const fds = countFds()
  t.throws(() => UserRingBuffer.open(ordinary), {
    instanceOf: TypeError,
    message:
      'Cannot write to map ordinary: it is of type ringbuf, not user_ringbuf; use RingBuffer, or ringBuffer() of a collection',
  })
  t.throws(() => UserRingBuffer.open(readOnly), { message: /^Cannot open user ring buffer commands: / })
  t.throws(() => UserRingBuffer.open({ fd: 1, name: 'output' }), { code: 'ERR_NOT_A_MAP' })
  t.throws(() => UserRingBuffer.open(map, { codec: {} as never }), {
    instanceOf: TypeError,
    message: /encode/,
  })
  t.throws(() => UserRingBuffer.join({} as never), { instanceOf: TypeError, message: /not its handle/ })
  const ring = UserRingBuffer.open(map, { codec: u64 })
  for (const length of [-1, 1.5, Number.NaN, ring.size - 7, 2 ** 24, 2 ** 32])
    t.throws(() => ring.reserve(length), { instanceOf: RangeError, message: /a record has 0 to 4088$/ })
  const handle = ring.share()
  for (const change of wrongHandles(handle, ordinary.fd))
    t.throws(() => UserRingBuffer.join({ ...handle, ...change }), { instanceOf: TypeError }, inspect(change))
  t.throws(() => UserRingBuffer.join({ ...handle, fd: 0 }), { code: 'ERR_NOT_A_MAP' })
  // The size of a codec is read once: what is checked is what is reserved.
  let sizes = 0
  const growing = {
    get size() {
      return sizes++ === 0 ? 8 : 2 ** 20
    },
    encode: u64.encode,
    decode: u64.decode,
  }
  using growingJoined = UserRingBuffer.join(handle, { codec: growing })
  t.true(growingJoined.send(1n))
  t.is(sizes, 1)
  growingJoined.close()
  const joined = UserRingBuffer.join(handle, { codec: u64 })
  t.true(joined.send(1n))
  ring.close()
  ring.close()
  t.true(joined.closed)
  t.throws(() => joined.send(1n), { code: 'ERR_CLOSED' })
  t.throws(() => UserRingBuffer.join(handle), { code: 'ERR_CLOSED' })
  joined.close()
  t.throws(() => ring.share(), { code: 'ERR_CLOSED' })
  t.is(countFds(), fds)
})
