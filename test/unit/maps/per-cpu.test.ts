import test from 'ava'
import { u8 } from '../../../src/base/codecs.ts'
import { possibleCpus } from '../../../src/kernel/cpus.ts'
import { perCpu } from '../../../src/maps/kinds/per-cpu.ts'

const codec = perCpu(u8)

test('each value is followed by zeros up to 8 bytes', t => {
  const bytes = new Uint8Array(codec.size).fill(255)
  codec.encode(new Array(possibleCpus().length).fill(7), new DataView(bytes.buffer), 0)
  for (let at = 0; at < bytes.length; at += 8) {
    t.deepEqual(bytes.subarray(at, at + 8), Uint8Array.of(7, 0, 0, 0, 0, 0, 0, 0))
  }
})

test('an error names the CPU', t => {
  const values = new Array(possibleCpus().length).fill(0)
  values[values.length - 1] = 256
  t.throws(() => codec.encode(values, new DataView(new ArrayBuffer(codec.size)), 0), {
    instanceOf: RangeError,
    message: `[${values.length - 1}]: 256 is not an integer from 0 to 255 (u8)`,
  })
})
