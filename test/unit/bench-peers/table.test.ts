import test from 'ava'
import { judge, type MeasuredRow, resultOf } from '../../../bench/document.ts'
import { formatBar, formatMarkdown, formatRow, formatSummary, formatTime } from '../../../bench/table.ts'
import { probesDocument } from '../../support/bench/probes-document.ts'

const results = {
  ours: resultOf([500, 520, 540].map(ns => ({ row: 'hash-get', ns, ops: 1000 }))),
  c: resultOf([400, 410, 700].map(ns => ({ row: 'hash-get', ns, ops: 1000, extra: { p99: 900 } }))),
  aya: resultOf([{ row: 'hash-get', error: 'EPERM' }]),
}
const row: MeasuredRow = {
  name: 'hash-get',
  operation: 'Lookup',
  mode: 'sweep',
  results,
  judgements: [
    judge({ kind: 'ratio', to: 'c', most: 1.4 }, results),
    judge({ kind: 'time', of: 'ours', most: 100 }, results),
    judge({ kind: 'ratio', to: 'cilium', most: 1 }, results),
  ],
}

test('a row has a line for each contestant and each bar', t => {
  t.is(
    formatRow(row),
    `hash-get    best  median  ours / it  (median)
  ours    500 ns  520 ns
  c       400 ns  410 ns       1.25      1.27  p99 900
  aya                                          failed: EPERM
  at most 1.4 x c: 1.25 (median 1.27), met
  at most 100 ns: 500 ns (median 520 ns), missed
  at most 1 x cilium: not measured`,
  )
})

test('the summary lists absent peers and missed bars', t => {
  const summary = formatSummary({
    version: 1,
    date: '2026-01-01T00:00:00.000Z',
    environment: probesDocument().environment,
    settings: { sweeps: 3, seconds: 5 },
    contestants: [
      { name: 'ours', version: '0.1.0', install: null },
      { name: 'aya', version: null, install: 'bench/peers/aya/build.sh build/bench/peers' },
    ],
    rows: [row],
  })
  t.regex(summary, /^contestants {2}ours 0\.1\.0$/m)
  t.regex(summary, /^not built {4}aya: bench\/peers\/aya\/build\.sh build\/bench\/peers$/m)
  t.regex(summary, /^bars {9}1 met, 0 unclear, 1 missed, 1 not measured$/m)
  t.regex(summary, /^missed {7}hash-get$/m)
})

test('Markdown has a column for each contestant', t => {
  const document = {
    version: 1,
    date: '',
    environment: probesDocument().environment,
    settings: { sweeps: 3, seconds: 5 },
    contestants: [],
    rows: [row],
  }
  t.is(
    formatMarkdown(document),
    `| row | ours | c | aya | bar: result |
| --- | ---: | ---: | ---: | --- |
| \`hash-get\` | 500 ns | 400 ns |  | at most 1.4 x c: 1.25 (median 1.27), met<br>at most 100 ns: 500 ns (median 520 ns), missed<br>at most 1 x cilium: not measured |`,
  )
})

for (const [nanoseconds, text] of [
  [0.305, '0.30 ns'],
  [12.34, '12.3 ns'],
  [999, '999 ns'],
  [1500, '1.50 us'],
  [38_000_000, '38.0 ms'],
  [120_000_000_000, '120 s'],
] as const) {
  test(`${nanoseconds} nanoseconds are ${text}`, t => {
    t.is(formatTime(nanoseconds), text)
  })
}

test('bars are told in their units', t => {
  t.is(formatBar({ kind: 'time', of: 'ours-koffi', most: 80_000 }), 'ours-koffi at most 80.0 us')
  t.is(formatBar({ kind: 'extra', name: 'heap', most: 10e6, unit: 'bytes' }), 'heap at most 10.0 MB')
  t.is(formatBar({ kind: 'extra', name: 'import', most: 25e6, unit: 'ns' }), 'import at most 25.0 ms')
  t.is(formatBar({ kind: 'extra', name: 'torn', most: 0, unit: 'records' }), 'torn at most 0 records')
})
