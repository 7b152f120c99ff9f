import { readFileSync } from 'node:fs'
import test from 'ava'
import { Btf } from '../../../src/btf/btf.ts'
import { dryRunCore } from '../../../src/inspect/core-dry-run.ts'
import { parseStatistics } from '../../../src/inspect/verify.ts'
import { objectSpec } from '../../support/objects.ts'

test('statistics are read from the end of a log', t => {
  const log = `verification time 91 usec
stack depth 8+0
processed 25 insns (limit 1000000) max_states_per_insn 1 total_states 2 peak_states 3 mark_read 1
`
  t.deepEqual(parseStatistics(log), { instructions: 25, states: 2, peakStates: 3, microseconds: 91 })
  t.is(parseStatistics('processed 25 insns (limit 131072), stack depth 8\n'), null)
  t.is(parseStatistics(''), null)
})

test('a dry run shows which relocations another kernel cannot satisfy', t => {
  // The types of enumerations of bpf(2): a kernel without tasks.
  const kernel = Btf.parse(readFileSync('test/btf/abi.btf'))
  const runs = dryRunCore(objectSpec('core'), kernel)
  const find = (name: string) => runs.find(each => each.program === name)!
  t.is(find('field_exists').failures.length, 0, 'that a field is not there is an answer')
  const { failures, relocations, error } = find('unguarded_access')
  t.is(error, null)
  t.is(relocations, 1)
  t.deepEqual(
    failures.map(({ kind, subject, reason, source }) => [kind, subject, reason, source?.line]),
    [
      [
        'field_byte_offset',
        'struct task_struct___missing.does_not_exist',
        'the kernel has no struct task_struct___missing',
        286,
      ],
    ],
  )
})

test('programs without relocations pass on every kernel', t => {
  const kernel = Btf.parse(readFileSync('test/btf/abi.btf'))
  for (const run of dryRunCore(objectSpec('functions'), kernel)) {
    t.like(run, { relocations: 0, failures: [], error: null })
  }
})
