import test from 'ava'
import { FrameCache, type KnownFrames } from '../../../src/symbols/process/frame-cache.ts'

const frame = (name: string) => ({ address: 1n, name, offset: 0, module: undefined })

test('frames of all processes are bounded by the bytes of their names', t => {
  const cache = new FrameCache(10_000)
  const [first, second]: KnownFrames[] = [new Map(), new Map()]
  for (let i = 0; i < 3; i++) cache.add(first!, i, frame('x'.repeat(1000)))
  t.is(cache.memory, 3 * 2192)
  cache.add(second!, 0, frame('y'.repeat(1000)))
  t.is(first!.size, 3)
  cache.add(second!, 1, frame('y'.repeat(1000)))
  t.deepEqual([first!.size, second!.size, cache.memory], [0, 1, 2192])
  cache.add(first!, 7, frame(''))
  cache.clear(second!)
  t.deepEqual([first!.size, second!.size, cache.memory], [1, 0, 192])
})
