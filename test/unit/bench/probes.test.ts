import test from 'ava'
import { type BenchProbesOptions, benchProbes, listVariants } from '../../../src/bench/index.ts'
import { describeNeed, variants } from '../../../src/bench/variants.ts'
import { defineFeature } from '../../../src/kernel/index.ts'

test('what cannot be measured is refused before anything is attached', async t => {
  const cases: [BenchProbesOptions, string | RegExp][] = [
    [{ rounds: 0 }, 'Cannot measure probes: rounds 0 is not from 1 to 10000'],
    [{ rounds: 1.5 }, 'Cannot measure probes: rounds 1.5 is not from 1 to 10000'],
    [{ milliseconds: 1e6 }, 'Cannot measure probes: milliseconds 1000000 is not from 1 to 60000'],
    [{ repeat: -1 }, 'Cannot measure probes: repeat -1 is not from 1 to 10000000'],
    [{ variants: ['fentry', 'jprobe'] }, /^Cannot measure "jprobe": there are fentry, fexit, /],
  ]
  for (const [options, message] of cases) {
    await t.throwsAsync(benchProbes(options), { instanceOf: RangeError, message })
  }
})

test('every variant has a name of its own, and says what happens at a hit', t => {
  const all = listVariants()
  t.is(new Set(all.map(({ name }) => name)).size, all.length)
  t.true(all.every(({ summary }) => summary.length > 0))
})

test('programs of sessions run twice per call, all others once', t => {
  t.deepEqual(
    variants.filter(({ hitsPerCall }) => hitsPerCall === 2).map(({ name }) => name),
    ['fsession', 'kprobe_session'],
  )
})

test('a need that is not met is told with what would meet it', t => {
  const feature = defineFeature('A jprobe', '2.6', () => 'no')
  t.is(
    describeNeed({ feature, what: 'jprobes', config: 'CONFIG_JPROBES' }),
    'needs jprobes (Linux 2.6, CONFIG_JPROBES)',
  )
  t.is(describeNeed({ feature: { ...feature, since: undefined }, what: 'jprobes' }), 'needs jprobes')
})
