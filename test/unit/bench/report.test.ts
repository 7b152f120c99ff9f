import { readFileSync } from 'node:fs'
import test from 'ava'
import { compareDocuments, formatComparison } from '../../../src/bench/compare.ts'
import { parseProbesDocument } from '../../../src/bench/document.ts'
import { bar, formatNanoseconds, formatReport } from '../../../src/bench/report.ts'
import { chartSvg, tickStep } from '../../../src/bench/svg.ts'
import { measuredRow, probesDocument } from '../../support/bench/probes-document.ts'

const golden = (name: string): string => readFileSync(`test/unit/bench/golden/${name}`, 'utf8')

test('the report is as it should look', t => {
  t.is(formatReport(probesDocument()), golden('report.txt'))
})

test('the chart is as it should look', t => {
  t.is(chartSvg(probesDocument()), golden('chart.svg'))
})

test('the chart is well-formed, whatever the machine is called', t => {
  const svg = chartSvg(probesDocument())
  const open: string[] = []
  for (const [tag, closing, name, selfClosing] of svg.matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (closing === '/') t.is(open.pop(), name, tag)
    else if (selfClosing !== '/') open.push(name!)
  }
  t.deepEqual(open, [])
  t.false(/&(?!#\d+;)/.test(svg))
  t.true(svg.includes('Fast &#38; Furious &#60;CPU&#62;'))
  const numbers = [...svg.matchAll(/ (?:x|y|width|height|x1|x2)="([^"]*)"/g)].map(([, value]) =>
    Number(value),
  )
  t.true(numbers.length > 20)
  t.true(numbers.every(each => each >= 0))
})

test('a chart makes room for long names', t => {
  const note = '+9, breakpoint; +9, optimized'
  const svg = chartSvg(probesDocument({ rows: [measuredRow('kprobe+offset', [1, 2, 3], { note })] }))
  const [, x, label] = /<text x="([\d.]+)" [^>]*text-anchor="end">([^<]+)</.exec(svg) ?? []
  t.is(label, `kprobe+offset (${note})`)
  t.true(Number(x) > label!.length * 7)
})

test('a chart of nothing is refused', t => {
  t.throws(() => chartSvg(probesDocument({ rows: [] })), {
    instanceOf: RangeError,
    message: 'Cannot draw a chart: no variant was measured',
  })
})

test('costs below nothing, which noise can make, have no bar', t => {
  const document = probesDocument({ rows: [measuredRow('raw_tp', [-2, -1, 1])] })
  t.regex(chartSvg(document), /<rect class="bar" x="255" y="[\d.]+" width="0"/)
  t.regex(formatReport(document), /raw_tp +-1\.0 +-1\.5 - 0\.0 +3000$/m)
})

test('bars have eighths of columns', t => {
  t.is(bar(10, 10), '█'.repeat(30))
  t.is(bar(5, 10), '█'.repeat(15))
  t.is(bar(0.5, 10), '█▌')
  t.is(bar(0.0001, 10), '▏')
  t.is(bar(0, 10), '')
  t.is(bar(-1, 10), '')
})

test('nanoseconds have a decimal as long as it means something', t => {
  t.deepEqual([0.04, 5.25, 99.94, 100.4, 12345.6].map(formatNanoseconds), [
    '0.0',
    '5.3',
    '99.9',
    '100',
    '12346',
  ])
})

test('the lines of the grid are at round numbers', t => {
  t.deepEqual([1, 6, 7, 45, 82, 130, 9700].map(tickStep), [0.2, 1, 2, 10, 20, 50, 2000])
})

test('a report of few rounds says so', t => {
  const { settings } = probesDocument()
  const report = formatReport(probesDocument({ settings: { ...settings, rounds: 3 } }))
  t.regex(report, /^Mind:\n {2}rounds: 3, where at least 10 are needed$/m)
})

test('documents are compared by name, and a factor needs both', t => {
  const first = { rows: [measuredRow('fentry', [4, 5, 6]), measuredRow('kprobe', [20, 20, 20])] }
  const second = { rows: [measuredRow('kprobe', [10, 11, 10]), measuredRow('raw_tp', [3])] }
  t.deepEqual(
    compareDocuments(first, second).map(({ name, factor, overlaps }) => [name, factor, overlaps]),
    [
      ['fentry', null, false],
      ['kprobe', 0.5, false],
      ['raw_tp', null, false],
    ],
  )
})

test('quartiles that overlap are told', t => {
  const [row] = compareDocuments(
    { rows: [measuredRow('a', [1, 5, 9])] },
    { rows: [measuredRow('a', [6, 7, 12])] },
  )
  t.true(row!.overlaps)
})

test('a comparison names both machines, and says when the programs did not do the same', t => {
  const { settings } = probesDocument()
  const text = formatComparison(
    probesDocument(),
    probesDocument({ settings: { ...settings, body: 'empty' } }),
  )
  t.regex(text, /^A {2}6\.12\.1 #1 SMP, Fast & Furious <CPU>, 2026-01-02T03:04:05\.678Z\nB {2}/)
  t.regex(text, /counter in A, empty in B/)
  t.regex(text, /^kprobe +15\.0 +15\.0 +1\.00x {2}quartiles overlap$/m)
})

test('a document is read back as it was written', t => {
  const document = probesDocument()
  t.deepEqual(parseProbesDocument(JSON.stringify(document), 'a.json'), document)
})

test('what is not such a document is refused, with what is wrong', t => {
  const document = probesDocument()
  const cases: [unknown, RegExp][] = [
    [[], /^Cannot read a\.json: it was not written by 'ebpf-ts bench probes --json'$/],
    [{ ...document, version: 2 }, /it is of version 2, not 1$/],
    [{ ...document, rows: {} }, /rows is missing or of the wrong kind$/],
    [{ ...document, rows: [{ ...document.rows[1], cost: { median: 'x' } }] }, /rows\[0\] is missing/],
    [{ ...document, environment: {} }, /environment is missing/],
    [{ ...document, settings: { body: 1 } }, /settings is missing/],
  ]
  for (const [value, message] of cases) {
    t.throws(() => parseProbesDocument(JSON.stringify(value), 'a.json'), {
      code: 'ERR_INVALID_DOCUMENT',
      message,
    })
  }
  t.throws(() => parseProbesDocument('{', 'a.json'), { code: 'ERR_INVALID_DOCUMENT' })
})
