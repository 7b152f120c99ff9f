import test from 'ava'
import { enumNumber } from '../../../src/abi/names.ts'

test('numbers of an enumeration pass, unless they would be cut to others', t => {
  const table = { hash: 1 }
  t.is(enumNumber(table, 'hash', 'map type'), 1)
  for (const number of [0, 77, 2 ** 32 - 1]) t.is(enumNumber(table, number, 'map type'), number)
  for (const number of [2 ** 32 + 1, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    t.throws(() => enumNumber(table, number, 'map type'), {
      instanceOf: RangeError,
      message: `Unknown map type ${number}: its number is an integer from 0 to 4294967295`,
    })
})
