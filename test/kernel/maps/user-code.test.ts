/** What codecs, getters and iterables of the caller may do while the library calls them. */

import { BPF_F_MMAPABLE, BPF_F_NO_PREALLOC } from '../../../src/abi/generated/flags.ts'
import { mov } from '../../../src/asm/alu.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { r0 } from '../../../src/asm/registers.ts'
import type { Codec } from '../../../src/base/codec.ts'
import { struct, u32, u64 } from '../../../src/base/codecs.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import type { MapSpec } from '../../../src/maps/spec.ts'
import { Program } from '../../../src/programs/program.ts'
import { RingBuffer } from '../../../src/readers/ring-buffer.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { ringBuffers } from '../../support/readers/ring-programs.ts'

const spec = { name: 'counters', type: 'hash', keySize: 4, valueSize: 8, maxEntries: 64 } satisfies MapSpec

/** A codec that runs something whenever it is used. */
function hooked<T, W>(
  codec: Codec<T, W>,
  run: { encode?: (view: DataView) => void; decode?: (view: DataView) => void },
): Codec<T, W> {
  return {
    size: codec.size,
    encode(value, view, offset) {
      codec.encode(value, view, offset)
      run.encode?.(view)
    },
    decode(view, offset, length) {
      run.decode?.(view)
      return codec.decode(view, offset, length)
    },
  }
}

/** Runs once, and not for what it does itself. */
function once(run: () => void): () => void {
  let done = false
  return () => {
    if (done) return
    done = true
    run()
  }
}

kernelTest('a value codec that sets another key does not change which key is written', [], t => {
  using map = BpfMap.create(spec)
  const plain = map.typed(u32, u64)
  const view = map.typed(u32, hooked(u64, { encode: once(() => plain.set(2, 22n)) }))
  view.set(1, 11n)
  t.is(plain.get(1), 11n)
  t.is(plain.get(2), 22n)
})

kernelTest('a getter in a key that uses the map sees and changes only its own element', [], t => {
  using map = BpfMap.create(spec)
  const plain = map.typed(u32, u64)
  plain.set(2, 2n)
  const keyed = map.typed(struct({ id: u32 }), u64)
  const key = {
    get id() {
      t.is(plain.get(2), 2n)
      plain.delete(2)
      return 1
    },
  }
  keyed.set(key, 5n)
  t.is(plain.get(1), 5n)
  t.false(plain.has(2))
})

kernelTest('a codec that looks up while it decodes gets and leaves the right values', [], t => {
  using map = BpfMap.create(spec)
  const plain = map.typed(u32, u64)
  plain.set(1, 1n).set(2, 2n)
  let inner: bigint | undefined
  const view = map.typed(u32, hooked(u64, { decode: once(() => (inner = plain.get(2))) }))
  t.is(view.get(1), 1n)
  t.is(inner, 2n)
  t.is(plain.nextKey(plain.nextKey()!) === undefined, false)
})

for (const [what, call] of [
  ['get', (map: BpfMap<number, bigint>) => map.get(1)],
  ['set', (map: BpfMap<number, bigint>) => map.set(1, 1n)],
  ['has', (map: BpfMap<number, bigint>) => map.has(1)],
  ['delete', (map: BpfMap<number, bigint>) => map.delete(1)],
  ['nextKey', (map: BpfMap<number, bigint>) => map.nextKey(1)],
] as const) {
  kernelTest(`${what} never reaches a map that took the place of a closed one`, [], t => {
    const small = BpfMap.create(spec)
    const made: BpfMap[] = []
    t.teardown(() => {
      for (const each of made) each.close()
    })
    const replace = once(() => {
      const { fd } = small
      small.close()
      // Whatever is opened next has the number.
      const large = BpfMap.create({
        name: 'large',
        type: 'hash',
        keySize: 4,
        valueSize: 1 << 20,
        maxEntries: 1,
      })
      made.push(large as BpfMap)
      t.is(large.fd, fd)
      large.set(Uint8Array.of(1, 0, 0, 0), new Uint8Array(1 << 20).fill(7))
    })
    const view = small.typed(hooked(u32, { encode: replace }), u64)
    t.throws(() => call(view), { code: 'ERR_CLOSED' })
    t.is(made[0]!.get(Uint8Array.of(1, 0, 0, 0))![0], 7)
  })
}

kernelTest('memory that a codec transfers is never given to the kernel', [], t => {
  using map = BpfMap.create(spec)
  const plain = map.typed(u32, u64)
  plain.set(1, 1n)
  const detach = (view: DataView): void => {
    structuredClone(view.buffer, { transfer: [view.buffer as ArrayBuffer] })
  }
  const refused = { instanceOf: TypeError, message: /counters/ }
  t.throws(() => map.typed(hooked(u32, { encode: detach }), u64).get(1), refused)
  t.throws(() => map.typed(u32, hooked(u64, { encode: detach })).set(1, 2n), refused)
  t.throws(() => map.typed(hooked(u32, { encode: detach }), u64).setBatch([[1, 2n]]), {
    instanceOf: TypeError,
  })
  t.throws(() => map.typed(u32, hooked(u64, { decode: detach })).get(1), { instanceOf: TypeError })
  t.is(plain.get(1), 1n)
})

kernelTest('an iteration is not moved on by the codec of its own elements', [], t => {
  using map = BpfMap.create(spec)
  map.typed(u32, u64).set(1, 1n).set(2, 2n)
  let walk: Iterator<[number, bigint], undefined> | undefined
  const view = map.typed(u32, hooked(u64, { decode: () => void walk?.next() }))
  walk = view.entries()
  t.throws(() => walk?.next(), { code: 'ERR_BUSY' })
})

for (const [how, shape] of [
  ['in batches', {}],
  ['key by key', { type: 'lpm_trie', flags: BPF_F_NO_PREALLOC }],
] as const) {
  kernelTest(`an iteration ${how} may be ended by the codec of its own elements`, [], t => {
    using map = BpfMap.create({ ...spec, keySize: 8, ...shape })
    // Prefixes of 32 bits, where keys are prefixes.
    map.typed(u64, u64).set(0x1_0000_0020n, 1n).set(0x2_0000_0020n, 2n)
    let walk: { return(): unknown } | undefined
    const entries = map.typed(u64, hooked(u64, { decode: () => void walk?.return() })).entries()
    walk = entries
    t.is([...entries].length, 1)
    t.true(entries.next().done)
  })
}

kernelTest('only what can be a descriptor is set in a map of descriptors', [], t => {
  using programs = BpfMap.create({
    name: 'calls',
    type: 'prog_array',
    keySize: 4,
    valueSize: 4,
    maxEntries: 1,
  })
  for (const fd of [Number.NaN, -1, 0.5, 2 ** 31, 2 ** 32 + 3])
    t.throws(() => programs.set(new Uint8Array(4), { fd }), { instanceOf: RangeError, message: /calls: fd / })
})

kernelTest(
  'getters of what a ring buffer is opened from do not exchange its map for another',
  [ringBuffers, features.mmapableMaps],
  t => {
    const made: BpfMap<Uint8Array, unknown>[] = []
    t.teardown(() => {
      for (const each of made) each.close()
    })
    for (const member of ['name', 'spec'] as const) {
      const ring = BpfMap.create({ name: 'records', type: 'ringbuf', maxEntries: 4096 })
      made.push(ring)
      const { fd } = ring
      const source = { fd, name: 'records', spec: undefined }
      Object.defineProperty(source, member, {
        get() {
          ring.close()
          const array = { name: 'array', type: 'array', keySize: 4, valueSize: 4096, maxEntries: 8 } as const
          made.push(BpfMap.create({ ...array, flags: BPF_F_MMAPABLE }))
          t.is(made.at(-1)!.fd, fd)
          return undefined
        },
      })
      t.throws(() => RingBuffer.open(source), { instanceOf: TypeError, message: /of type array/ })
    }
  },
)

kernelTest(
  'options with getters do not reach a program that took the place of a closed one',
  [features.bpfToBpfCalls],
  t => {
    const load = (value: number): Program =>
      Program.load({
        name: 'answer',
        type: 'socket_filter',
        license: 'GPL',
        instructions: [mov(r0, value), exit()],
      })
    const first = load(1)
    const others: Program[] = []
    t.teardown(() => {
      for (const each of others) each.close()
    })
    const options = {
      get data() {
        first.close()
        others.push(load(2))
        return new Uint8Array(64)
      },
    }
    t.throws(() => first.testRun(options), { code: 'ERR_CLOSED' })
    const program = others[0]!
    for (const wrong of [
      { repeat: -1 },
      { repeat: 2 ** 31 },
      { cpu: -1 },
      { flags: 0.5 },
      { batchSize: 2 ** 32 },
    ])
      t.throws(() => program.testRun({ data: new Uint8Array(64), ...wrong }), { instanceOf: RangeError })
    // The length is that of the memory.
    class Lying extends Uint8Array {
      override get length(): number {
        return 4096
      }
    }
    t.is(program.testRun({ data: new Lying(64), dataOutSize: 64 }).data.length, 64)
  },
)
