import test from 'ava'
import { parseStack } from '../../../src/maps/kinds/stack-trace.ts'

test('a stack of addresses ends at the first 0', t => {
  const words = BigUint64Array.of(0xffff_ffff_8100_0000n, 0x40_1000n, 0n, 0x1n)
  t.deepEqual(parseStack(new Uint8Array(words.buffer), false), [0xffff_ffff_8100_0000n, 0x40_1000n])
  t.deepEqual(parseStack(new Uint8Array(words.buffer, 0, 20), false), [...words.slice(0, 2)])
  t.deepEqual(parseStack(new Uint8Array(0), false), [])
})

test('a stack with build ids has places in files, and addresses where the file is not known', t => {
  const bytes = new Uint8Array(4 * 32)
  const view = new DataView(bytes.buffer)
  const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
  view.setInt32(0, 1, little)
  bytes.set([0xab, 0xcd, 0x01], 4)
  view.setBigUint64(24, 0x1234n, little)
  view.setInt32(32, 2, little)
  view.setBigUint64(56, 0x7f00_0000n, little)
  t.deepEqual(parseStack(bytes, true), [
    { buildId: `abcd01${'00'.repeat(17)}`, offset: 0x1234n },
    0x7f00_0000n,
  ])
})
