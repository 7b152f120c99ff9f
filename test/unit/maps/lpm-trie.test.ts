import test from 'ava'
import { lpmKey } from '../../../src/maps/kinds/lpm-trie.ts'

test('a key is the prefix length and the data', t => {
  t.deepEqual([...lpmKey(24, Uint8Array.of(10, 0, 1, 0))], [24, 0, 0, 0, 10, 0, 1, 0])
  t.deepEqual([...lpmKey(0, Uint8Array.of(0))], [0, 0, 0, 0, 0])
  t.is(lpmKey(2048, new Uint8Array(256)).length, 260)
})

test('a prefix is not longer than the data', t => {
  for (const length of [33, -1, 0.5]) {
    t.throws(() => lpmKey(length, new Uint8Array(4)), {
      instanceOf: RangeError,
      message: `Cannot make an LPM trie key: prefix length ${length} of 32 bits`,
    })
  }
})

test('data has the sizes that the kernel takes', t => {
  for (const size of [0, 257]) {
    t.throws(() => lpmKey(0, new Uint8Array(size)), {
      instanceOf: RangeError,
      message: `Cannot make an LPM trie key: ${size} bytes of data are not 1 to 256`,
    })
  }
})
