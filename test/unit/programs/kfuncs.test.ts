import test from 'ava'
import { describeMissingKfunc, type MissingKfunc, poisonedCall } from '../../../src/programs/kfuncs.ts'

const missing: MissingKfunc[] = [
  { index: 2, name: 'bpf_one', reason: 'there is none' },
  { index: 7, name: 'bpf_other', reason: 'it is another' },
]

const log = (number: number): string => `1: (85) call unknown#${number}\ninvalid func unknown#${number}\n`

test('a poisoned call has a number that no helper has, as with libbpf', t => {
  t.is(poisonedCall({ index: 0 }), 2_002_000_000)
  t.is(poisonedCall({ index: 7 }), 2_002_000_007)
})

test('the log leads back to the function', t => {
  t.is(describeMissingKfunc(log(2_002_000_002), missing), 'it calls bpf_one, but there is none')
  t.is(describeMissingKfunc(log(2_002_000_007), missing), 'it calls bpf_other, but it is another')
})

test('other numbers, and other complaints, are not about a missing function', t => {
  t.is(describeMissingKfunc(log(2_002_000_003), missing), undefined)
  t.is(describeMissingKfunc(log(7), missing), undefined)
  t.is(describeMissingKfunc('R0 !read_ok\n', missing), undefined)
  t.is(describeMissingKfunc(log(2_002_000_002), []), undefined)
})
