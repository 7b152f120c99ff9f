import test from 'ava'
import { styled } from '../../../src/cli/output/span.ts'
import { fakeOutput } from '../../support/cli/fake-terminal.ts'

const HOSTILE = 'a\x1b[2J\x9b1m\rb\u202ec'
const SHOWN = 'a\\x1b[2J\\x9b1m\\x0db\\u202ec'

test('lines escape every control character, line breaks too', t => {
  const { output, stream } = fakeOutput()
  output.line(HOSTILE, ': ', styled('red', '\nx'))
  t.is(stream.text, `${SHOWN}: \\x0ax\n`)
})

test('text keeps its lines, and ends with a line break', t => {
  const { output, stream } = fakeOutput()
  output.text(`one\n\t${HOSTILE}`)
  output.text('two\n')
  t.is(stream.text, `one\n\t${SHOWN}\ntwo\n`)
})

test('colours are for terminals, unless NO_COLOR is set', t => {
  const colours = (columns?: number, env: NodeJS.ProcessEnv = {}): boolean => {
    const { output, stream } = fakeOutput(columns, env)
    output.line(styled('red', HOSTILE))
    t.true(stream.text.includes(SHOWN))
    return stream.text === `\x1b[31m${SHOWN}\x1b[39m\n`
  }
  t.true(colours(80))
  t.true(colours(80, { NO_COLOR: '' }))
  t.false(colours())
  t.false(colours(80, { NO_COLOR: '1' }))
  t.false(colours(80, { TERM: 'dumb' }))
})

test('tables fit a terminal, and nothing is cut in a pipe', t => {
  const table = (columns?: number): string => {
    const { output, stream } = fakeOutput(columns, { NO_COLOR: '1' })
    output.table([{ title: 'NAME' }, { title: 'N', number: true }], [[`${'x'.repeat(50)}${HOSTILE}`, 7]])
    return stream.text
  }
  t.is(table(), `${'NAME'.padEnd(50 + SHOWN.length)}  N\n${'x'.repeat(50)}${SHOWN}  7\n`)
  t.is(table(0), table())
  t.is(table(20), `NAME               N\n${'x'.repeat(16)}…  7\n`)
})

test('comma-separated values are quoted by RFC 4180, and escaped', t => {
  const { output, stream } = fakeOutput()
  output.csv([
    ['name', 'n'],
    ['a,b', 1],
    ['say "hi"', 2n],
    [HOSTILE, ''],
    ['two\r\nlines', -1],
  ])
  t.is(stream.text, `name,n\n"a,b",1\n"say ""hi""",2\n${SHOWN},\ntwo\\x0d\\x0alines,-1\n`)
})

test('documents are indented, records are lines; integers, bytes and control characters are JSON', t => {
  const value = { [HOSTILE]: 1n << 60n, small: 5n, bytes: new Uint8Array([1, 255]), del: '\x7f\u2028' }
  const meant = { [HOSTILE]: '1152921504606846976', small: 5, bytes: [1, 255], del: '\x7f\u2028' }
  const { output, stream } = fakeOutput()
  output.document(value)
  t.true(stream.text.endsWith('\n}\n'))
  t.deepEqual(JSON.parse(stream.text), meant)
  const document = stream.text
  output.record(value)
  const record = stream.text.slice(document.length)
  t.is(record.indexOf('\n'), record.length - 1)
  t.deepEqual(JSON.parse(record), meant)
  t.notRegex(stream.text.replaceAll('\n', ''), /[\p{Cc}\p{Cf}\p{Zl}]/u)
})

test('on a terminal the status is one line, which goes away before the next line', t => {
  const { output, stream } = fakeOutput(20, { NO_COLOR: '1' })
  output.status('round 1 of 10', HOSTILE)
  output.status('round 2 of 10', 'a')
  output.line('done')
  output.clearStatus()
  t.is(stream.text, '\r\x1b[Kround 1 of 10: a…\r\x1b[Kround 2 of 10: a\r\x1b[Kdone\n')
})

test('in a pipe the status is a line per step', t => {
  const { output, stream } = fakeOutput()
  for (const [step, detail] of [
    ['one', 'a'],
    ['one', 'b'],
    ['two', 'a'],
  ] as const)
    output.status(step, detail)
  output.clearStatus()
  t.is(stream.text, 'one\ntwo\n')
})
