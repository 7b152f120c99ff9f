import test from 'ava'
import { countLinear, countLog2 } from '../../../src/charts/histogram/count.ts'
import { histogramDocument } from '../../../src/charts/histogram/document.ts'
import { linearHistogram, log2Histogram } from '../../../src/charts/histogram/histogram.ts'
import { histogramText } from '../../../src/charts/histogram/text.ts'

/** Slots that counted something. */
const used = (counts: readonly bigint[]): Record<number, bigint> =>
  Object.fromEntries(counts.flatMap((count, slot) => (count === 0n ? [] : [[slot, count]])))

test('values are counted by powers of two, up to 2^64 - 1', t => {
  t.deepEqual(used(countLog2([0, 1, 1.9, 2, 3, 4, 0n, 7n])), { 1: 4n, 2: 2n, 3: 2n })
  for (let power = 1; power < 64; power++) {
    const at = 1n << BigInt(power)
    t.deepEqual(used(countLog2([at])), { [power + 1]: 1n }, `2^${power}`)
    t.deepEqual(used(countLog2([at - 1n])), { [power]: 1n }, `2^${power} - 1`)
    t.deepEqual(used(countLog2([2 ** power])), { [power + 1]: 1n }, `2^${power} as a number`)
    if (power <= 53)
      t.deepEqual(used(countLog2([2 ** power - 1])), { [power]: 1n }, `2^${power} - 1 as a number`)
  }
  t.deepEqual(used(countLog2([2n ** 64n - 1n])), { 64: 1n })
  t.is(countLog2([]).length, 65)
})

test('values are counted in slots of equal width', t => {
  t.deepEqual(countLinear([0, 9, 10, 25n, 10.5], 10), [2n, 2n, 1n])
  t.deepEqual(countLinear([2, 2n]), [0n, 0n, 2n])
  t.deepEqual(countLinear([]), [])
  t.deepEqual(used(countLinear([2n ** 64n - 1n], 2n ** 60n)), { 15: 1n })
})

for (const value of [-1, -1n, -0.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
  test(`${typeof value} ${value} is refused as a value`, t => {
    t.throws(() => countLog2([value]), { instanceOf: RangeError, message: /has no place in a histogram/ })
    t.throws(() => countLinear([value]), { instanceOf: RangeError, message: /has no place in a histogram/ })
  })
}

test('values beyond the last slot are refused, and the error says what to do', t => {
  for (const value of [2n ** 64n, 2 ** 64, 1e300])
    t.throws(() => countLog2([value]), { instanceOf: RangeError, message: /above 2\^64 - 1/ })
  for (const value of [65_536, 2n ** 64n - 1n, 1e300])
    t.throws(() => countLinear([value]), {
      instanceOf: RangeError,
      message: /use a greater step, or a log2 histogram/,
    })
})

test('what is not a number is refused', t => {
  for (const value of ['1', null, undefined, [1], {}, true]) {
    const values = [value] as never[]
    t.throws(() => countLog2(values), {
      instanceOf: TypeError,
      message: /^A value of a histogram is a number/,
    })
    t.throws(() => countLinear(values), { instanceOf: TypeError })
  }
  for (const step of [0, -1, 1.5, Number.NaN, 0n, '2'])
    t.throws(() => countLinear([1], step as number), {
      instanceOf: RangeError,
      message: /a positive integer/,
    })
})

test('counts come in the order of the slots, as pairs, as a map and as typed arrays', t => {
  const expected = log2Histogram([0, 3, 5]).sections
  t.deepEqual(expected, [{ name: '', counts: [0n, 3n, 5n] }])
  t.deepEqual(
    log2Histogram([
      [2, 5n],
      [1n, 3],
    ]).sections,
    expected,
  )
  t.deepEqual(
    log2Histogram(
      new Map([
        [1, 3],
        [2, 5],
      ]),
    ).sections,
    expected,
  )
  t.deepEqual(log2Histogram(new BigUint64Array([0n, 3n, 5n])).sections, expected)
  t.deepEqual(log2Histogram(Uint32Array.of(0, 3, 5)).sections, expected)
})

test('per-CPU counts, and counts of one slot, are added up', t => {
  t.deepEqual(
    log2Histogram([
      [1, [1, 2n, 3]],
      [1, 4],
    ]).sections[0]!.counts,
    [0n, 10n],
  )
  const sections = { split: ([disk, slot]: readonly [string, number]) => [disk.slice(0, 3), slot] as const }
  const merged = linearHistogram(
    [
      [['sda1', 0], 1],
      [['sda2', 0], 2],
    ] as const,
    { sections },
  )
  t.deepEqual(merged.sections, [{ name: 'sda', counts: [3n] }])
})

test('programs that count from slot 0 have the same buckets', t => {
  const bcc = log2Histogram([0, 3, 5])
  t.deepEqual(log2Histogram([3, 5], { firstSlot: 0 }), bcc)
  t.is(log2Histogram([[63, 1]], { firstSlot: 0 }).sections[0]!.counts.length, 65)
  t.throws(() => log2Histogram([[64, 1]], { firstSlot: 0 }), { message: /its slots are 0 to 63/ })
  t.throws(() => log2Histogram([], { firstSlot: 2 as 1 }), { instanceOf: RangeError })
})

test('slots and counts that are none are refused', t => {
  for (const slot of [-1, 65, 1.5, Number.NaN, 2n ** 64n - 1n])
    t.throws(() => log2Histogram([[slot, 1]]), { instanceOf: RangeError, message: /its slots are 0 to 64/ })
  t.throws(() => linearHistogram([[65_536, 1]]), { instanceOf: RangeError })
  for (const count of [-1, -1n, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY])
    t.throws(() => log2Histogram([[1, count]]), { instanceOf: RangeError, message: /is not a count/ })
  for (const count of [2n ** 128n, 2n ** 1025n, [1, 2n ** 1025n]])
    t.throws(() => log2Histogram([[1, count]]), { instanceOf: RangeError, message: /above 2\^128/ })
  let nested: unknown = [1]
  for (let depth = 0; depth < 30_000; depth++) nested = [nested]
  t.throws(() => log2Histogram([[1, nested]] as never), { instanceOf: TypeError, message: /not an array/ })
  for (const pair of [['1', 1], [1, '1'], [null, 1], [1, {}], [1]])
    t.throws(() => log2Histogram([pair] as never), { instanceOf: TypeError })
  t.throws(() => log2Histogram([['a', 1]] as never, { sections: { split: () => [{}, 1] as never } }), {
    instanceOf: TypeError,
    message: /A section is a string/,
  })
  t.throws(() => log2Histogram([1] as never, { sections: { split: () => ['a', 1] as const } }), {
    instanceOf: TypeError,
  })
})

test('sections are equal by value: 1 and 1n, bytes with the same text', t => {
  const { sections } = log2Histogram<string | number | bigint, string | number | bigint>(
    [
      [1, 1],
      [1n, 1],
      ['1', 1],
    ],
    { sections: { split: key => [key, 1] } },
  )
  t.deepEqual(
    sections.map(({ name, counts }) => [name, counts[1]]),
    [
      ['1', 2n],
      ['1', 1n],
    ],
  )
  const bytes = [Uint8Array.of(97, 0, 0), Uint8Array.of(97, 0)].map(each => [each, 1] as const)
  t.deepEqual(log2Histogram(bytes, { sections: { split: key => [key, 1] } }).sections, [
    { name: "b'a'", counts: [0n, 2n] },
  ])
})

test('a linear histogram with a step shows the values', t => {
  const histogram = linearHistogram(countLinear([5, 15, 16, 30], 10), { step: 10, label: 'ms' })
  t.regex(histogramText(histogram), /^ {5}ms {12}: count {5}distribution\n {8}0 {10}: 1 .*\n {8}10 {9}: 2 /)
  t.deepEqual(histogramDocument(histogram).sections[0]!.buckets[1], { from: 10, to: 19, count: 2 })
})

test('the document has the buckets, large integers as decimal strings', t => {
  const histogram = log2Histogram(
    [
      [1, 1],
      [64, 2n ** 63n],
    ],
    { label: 'ns' },
  )
  const document = JSON.parse(JSON.stringify(histogramDocument(histogram)))
  t.is(document.sections.length, 1)
  const { buckets } = document.sections[0]
  t.is(buckets.length, 64)
  t.deepEqual(buckets[0], { from: 0, to: 1, count: 1 })
  t.deepEqual(buckets[63], {
    from: '9223372036854775808',
    to: '18446744073709551615',
    count: '9223372036854775808',
  })
  t.deepEqual({ ...document, sections: [] }, { scale: 'log2', unit: 'ns', sections: [] })
})

test('the document names sections, and what was counted outside of every bucket', t => {
  const histogram = log2Histogram(
    [
      ['a', 0],
      ['b', 1],
    ] as const,
    {
      sections: { split: name => [name, name === 'a' ? 0 : 1], header: 'disk' },
    },
  )
  t.deepEqual(histogramDocument(histogram).sections, [
    { name: 'a', buckets: [] },
    { name: 'b', buckets: [{ from: 0, to: 1, count: 1 }] },
  ])
  t.deepEqual(histogramDocument(log2Histogram([7])).sections, [{ buckets: [], outside: 7 }])
  t.is(histogramDocument(linearHistogram([7])).sections[0]!.outside, undefined)
})
