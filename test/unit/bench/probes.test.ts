import test from 'ava'
import { BpfError, NotSupportedError } from '../../../src/base/errors.ts'
import { type BenchProbesOptions, benchProbes, listVariants, rowsOf } from '../../../src/bench/probes.ts'
import { describeNeed, variants } from '../../../src/bench/variants.ts'
import { defineFeature } from '../../../src/kernel/probes/probe.ts'

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

test('an unmet need is reported with what would meet it', t => {
  const feature = defineFeature('A jprobe', '2.6', () => 'no')
  t.is(
    describeNeed({ feature, what: 'jprobes', config: 'CONFIG_JPROBES' }),
    'needs jprobes (Linux 2.6, CONFIG_JPROBES)',
  )
  const refusal = (): string => 'the kernel refuses it'
  t.is(describeNeed({ feature, what: 'jprobes', refusal }), 'the kernel refuses it')
  t.is(describeNeed({ feature, what: 'jprobes', refusal: () => undefined }), 'needs jprobes (Linux 2.6)')
  t.is(describeNeed({ feature: { ...feature, since: undefined }, what: 'jprobes' }), 'needs jprobes')
})

const base = { name: 'none', samples: [{ nanoseconds: 10, calls: 100 }] }
const contenders = [{ name: 'none' }, { name: 'probe', base: 'none' }]

test('wrong hits make a row that failed, with the reason instead of a number', t => {
  const reason = 'the program ran 1 times less than the 100 expected: the kernel missed hits'
  const [none, probe] = rowsOf('kernel', contenders, [base, { name: 'probe', failure: { reason } }])
  t.is(none?.status, 'measured')
  t.deepEqual(probe, { name: 'probe', space: 'kernel', status: 'failed', reason })
})

test('what the kernel lacks or forbids is missing, all other errors are failures', t => {
  const statusOf = (error: Error): unknown =>
    rowsOf('user', contenders, [base, { name: 'probe', failure: { reason: error.message, error } }])[1]
  const row = { name: 'probe', space: 'user' }
  const refused = new BpfError('Cannot attach: the kernel is locked down (confidentiality)', {
    code: 'EPERM',
  })
  t.deepEqual(statusOf(refused), { ...row, status: 'missing', reason: refused.message })
  const absent = new NotSupportedError('A jprobe', '2.6')
  t.deepEqual(statusOf(absent), { ...row, status: 'missing', reason: absent.message })
  const full = new BpfError('Cannot attach: no memory', { code: 'ENOMEM' })
  t.deepEqual(statusOf(full), { ...row, status: 'failed', reason: full.message })
})

test('a probe whose base failed has no number either', t => {
  const probe = { name: 'probe', samples: [{ nanoseconds: 30, calls: 100, note: 'ftrace' }] }
  const failed = { name: 'none', failure: { reason: 'interrupted' } }
  t.deepEqual(
    rowsOf('kernel', contenders, [failed, probe]).map(({ status }) => status),
    ['failed', 'failed'],
  )
  const [, measured] = rowsOf('kernel', contenders, [base, probe])
  t.like(measured, { status: 'measured', base: 'none', samples: [20], note: 'ftrace' })
})
