import test from 'ava'
import fc from 'fast-check'
import { countUpTo } from '../../../src/base/sorted.ts'

test('counts what a scan of the whole list counts', t => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 20 })),
      fc.integer({ min: -1, max: 21 }),
      (list, place) => {
        const sorted = list.sort((a, b) => a - b)
        t.is(
          countUpTo(sorted, place, each => each),
          sorted.filter(each => each <= place).length,
        )
      },
    ),
  )
})
