import { gunzipSync, gzipSync } from 'node:zlib'
import test from 'ava'
import fc from 'fast-check'
import { pprofBytes } from '../../../src/charts/stacks/pprof.ts'
import type { StackCount } from '../../../src/charts/stacks/stack.ts'
import { decodeProfile } from '../../support/charts/pprof.ts'

const stacks: readonly StackCount[] = [
  {
    frames: [{ name: 'main', file: 'app.c', line: 12 }, 'work'],
    count: 3,
    labels: { comm: 'node', pid: 1234, cookie: 2n ** 63n - 1n },
  },
  {
    frames: [{ name: 'main', file: 'app.c', line: 300, column: 9 }],
    count: 2n,
    labels: { comm: 'node', nice: -5 },
  },
]

test('samples have their frames, the leaf first, their counts and their labels', t => {
  const profile = decodeProfile(pprofBytes(stacks))
  t.deepEqual(profile, {
    sampleTypes: ['samples/count'],
    samples: [
      {
        frames: ['work :0', 'main app.c:12'],
        values: [3n],
        labels: { comm: 'node', pid: 1234n, cookie: 2n ** 63n - 1n },
      },
      { frames: ['main app.c:300'], values: [2n], labels: { comm: 'node', nice: -5n } },
    ],
    periodType: undefined,
    period: 0n,
    time: 0n,
    duration: 0n,
    comments: [],
    functions: 2,
  })
})

test('with a period a sample also stands for time', t => {
  const profile = decodeProfile(
    pprofBytes(stacks, {
      period: 10_101_010,
      time: 1_800_000_000_000_000_000n,
      duration: 30_000_000_000,
      comments: ['12 samples lost', '\u001b'],
    }),
  )
  t.deepEqual(profile.sampleTypes, ['samples/count', 'cpu/nanoseconds'])
  t.deepEqual(
    profile.samples.map(({ values }) => values),
    [
      [3n, 30_303_030n],
      [2n, 20_202_020n],
    ],
  )
  t.deepEqual([profile.periodType, profile.period], ['cpu/nanoseconds', 10_101_010n])
  t.deepEqual([profile.time, profile.duration], [1_800_000_000_000_000_000n, 30_000_000_000n])
  t.deepEqual(profile.comments, ['12 samples lost', '\\x1b'])
})

test('time and memory have one value', t => {
  t.deepEqual(decodeProfile(pprofBytes(stacks, { unit: 'nanoseconds', type: 'offcpu' })).sampleTypes, [
    'offcpu/nanoseconds',
  ])
  const memory = decodeProfile(pprofBytes(stacks, { unit: 'bytes', type: 'alloc_space', period: 524_288 }))
  t.deepEqual(memory.sampleTypes, ['alloc_space/bytes'])
  t.deepEqual([memory.periodType, memory.samples[0]!.values], [undefined, [3n]])
})

test('a profile without stacks, and a stack without frames, can be read', t => {
  t.deepEqual(decodeProfile(pprofBytes([])).samples, [])
  t.deepEqual(decodeProfile(pprofBytes([{ frames: [], count: 1 }])).samples[0]!.frames, ['[unknown] :0'])
})

test('a profile survives gzip', t => {
  const bytes = pprofBytes(stacks)
  t.deepEqual(new Uint8Array(gunzipSync(gzipSync(bytes))), bytes)
})

test('any stacks are read back as they were', t => {
  const name = fc
    .string({ unit: 'grapheme', minLength: 1 })
    .filter(text => !/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(text))
  const frame = fc.record({ name, file: name, line: fc.nat({ max: 100_000 }) })
  const stack = fc.record({
    frames: fc.array(frame, { minLength: 1, maxLength: 300 }),
    count: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
  })
  fc.assert(
    fc.property(fc.array(stack), written => {
      const { samples } = decodeProfile(pprofBytes(written))
      t.deepEqual(
        samples,
        written.map(({ frames, count }) => ({
          frames: frames.map(each => `${each.name} ${each.file}:${each.line}`).reverse(),
          values: [count],
          labels: {},
        })),
      )
    }),
    { numRuns: 50 },
  )
})

test('numbers that do not fit are refused', t => {
  for (const count of [-1, 1.5, Number.NaN, 2n ** 63n])
    t.throws(() => pprofBytes([{ frames: ['a'], count }]), { instanceOf: RangeError })
  t.throws(() => pprofBytes([{ frames: ['a'], count: 2n ** 62n }], { period: 4 }), { instanceOf: RangeError })
  for (const period of [-1, 0.5, Number.NaN, 2n ** 63n])
    t.throws(() => pprofBytes([], { period }), { instanceOf: RangeError, message: / is not a period/ })
  t.throws(() => pprofBytes([{ frames: ['a'], count: 1, labels: { x: 2n ** 64n } }]), {
    instanceOf: RangeError,
  })
  t.throws(() => pprofBytes([], { unit: 'count' as never }), { instanceOf: TypeError })
})
