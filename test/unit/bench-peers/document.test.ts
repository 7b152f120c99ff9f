import test from 'ava'
import { type Judgement, judge, type Result, resultOf } from '../../../bench/document.ts'
import type { Bar } from '../../../bench/rows.ts'

const measured = (...nanoseconds: number[]): Result =>
  resultOf(nanoseconds.map(ns => ({ row: 'a', ns, ops: 1 })))

test('a result has the median and the best of its samples', t => {
  t.deepEqual(measured(3, 1, 8), {
    status: 'measured',
    samples: [3, 1, 8].map(ns => ({ ns, ops: 1 })),
    median: 3,
    best: 1,
  })
})

test('who skips or fails once has no result', t => {
  const sample = { row: 'a', ns: 1, ops: 1 }
  t.deepEqual(resultOf([sample, { row: 'a', error: 'EPERM' }]), { status: 'failed', reason: 'EPERM' })
  t.deepEqual(resultOf([{ row: 'a', skip: 'no kprobes' }]), { status: 'skipped', reason: 'no kprobes' })
  t.deepEqual(resultOf([]), { status: 'skipped', reason: 'there was no sweep' })
})

const twice: Bar = { kind: 'ratio', to: 'c', most: 2 }

for (const [bar, results, expected] of [
  [twice, { ours: measured(10, 12), c: measured(6, 6) }, [11 / 6, 10 / 6, 'met']],
  [twice, { ours: measured(20, 30), c: measured(6, 6) }, [25 / 6, 20 / 6, 'missed']],
  [twice, { ours: measured(10, 30), c: measured(6, 6) }, [20 / 6, 10 / 6, 'unclear']],
  [twice, { ours: measured(10) }, [null, null, 'not measured']],
  [twice, { ours: measured(10), c: resultOf([]) }, [null, null, 'not measured']],
  [{ kind: 'time', of: 'ours', most: 10 }, { ours: measured(10, 10) }, [10, 10, 'met']],
  [{ kind: 'time', of: 'ours', most: 10 }, { ours: measured(11, 11) }, [11, 11, 'missed']],
  [
    { kind: 'time', of: 'ours-koffi', most: 10 },
    { ours: measured(99), 'ours-koffi': measured(1) },
    [1, 1, 'met'],
  ],
  [
    { kind: 'extra', name: 'torn', most: 0, unit: 'records' },
    { ours: resultOf([{ row: 'a', ns: 1, ops: 1, extra: { torn: 1 } }]) },
    [1, 1, 'missed'],
  ],
  [
    { kind: 'extra', name: 'torn', most: 0, unit: 'records' },
    { ours: measured(1) },
    [null, null, 'not measured'],
  ],
] as [Bar, Record<string, Result>, [number | null, number | null, Judgement['verdict']]][]) {
  test(`judging ${JSON.stringify(bar)} of ${JSON.stringify(results)}`, t => {
    const [median, best, verdict] = expected
    t.deepEqual(judge(bar, results), { bar, median, best, verdict })
  })
}
