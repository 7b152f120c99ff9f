import test from 'ava'
import { parseAnswer, parseReady } from '../../../bench/protocol.ts'

test('the first line names rows and version', t => {
  t.deepEqual(parseReady('{"ready":true,"rows":["hash-get"],"version":"1.2","more":1}'), {
    ready: true,
    rows: ['hash-get'],
    version: '1.2',
  })
})

for (const line of [
  '',
  'hello',
  'null',
  '{}',
  '{"ready":true,"rows":[1],"version":"1"}',
  '{"ready":true,"rows":[]}',
]) {
  test(`not a first line: ${JSON.stringify(line)}`, t => {
    t.throws(() => parseReady(line), { instanceOf: SyntaxError })
  })
}

test('an answer is a sample, a skip or an error', t => {
  t.deepEqual(parseAnswer('{"row":"a","ns":1.5,"ops":10}', 'a'), { row: 'a', ns: 1.5, ops: 10 })
  t.deepEqual(parseAnswer('{"row":"a","ns":0,"ops":1,"extra":{"p99":3}}', 'a'), {
    row: 'a',
    ns: 0,
    ops: 1,
    extra: { p99: 3 },
  })
  t.deepEqual(parseAnswer('{"row":"a","skip":"no kprobes"}', 'a'), { row: 'a', skip: 'no kprobes' })
  t.deepEqual(parseAnswer('{"row":"a","error":"EPERM"}', 'a'), { row: 'a', error: 'EPERM' })
})

for (const line of [
  '[]',
  '{"row":"b","ns":1,"ops":1}',
  '{"row":"a"}',
  '{"row":"a","ns":null,"ops":1}',
  '{"row":"a","ns":1,"ops":0}',
  '{"row":"a","ns":1,"ops":1,"extra":{"p99":"3"}}',
]) {
  test(`not an answer for row a: ${line}`, t => {
    t.throws(() => parseAnswer(line, 'a'), { instanceOf: SyntaxError, message: /^Not an/ })
  })
}
