import test from 'ava'
import fc from 'fast-check'
import { quantile, summarize } from '../../../src/bench/statistics.ts'

test('quantiles lie between samples as those of R and NumPy do', t => {
  t.is(quantile([4, 1, 3, 2], 0.5), 2.5)
  t.is(quantile([4, 1, 3, 2], 0.25), 1.75)
  t.is(quantile([4, 1, 3, 2], 0.75), 3.25)
  t.is(quantile([15, 20, 35, 40, 50], 0.4), 29)
  t.is(quantile([7], 0.9), 7)
})

test('a summary has the extremes, the quartiles and the median', t => {
  t.deepEqual(summarize([5, 1, 4, 2, 3]), {
    median: 3,
    lowerQuartile: 2,
    upperQuartile: 4,
    least: 1,
    greatest: 5,
  })
})

test('the order of the samples does not matter, and quantiles never leave their range', t => {
  const samples = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1 })
  fc.assert(
    fc.property(samples, fc.double({ min: 0, max: 1, noNaN: true }), (values, fraction) => {
      const result = quantile(values, fraction)
      const close = 1e-6
      t.is(quantile([...values].reverse(), fraction), result)
      t.true(result >= Math.min(...values) - close && result <= Math.max(...values) + close)
    }),
  )
})

test('what has no quantile is refused', t => {
  t.throws(() => quantile([], 0.5), {
    instanceOf: RangeError,
    message: 'Cannot compute a quantile: there are no samples',
  })
  t.throws(() => quantile([1], 1.5), { message: 'Cannot compute a quantile: 1.5 is not from 0 to 1' })
  t.throws(() => quantile([1], Number.NaN), { instanceOf: RangeError })
})
