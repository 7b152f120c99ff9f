import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { runAva } from '../../../lab/test-runner/ava.ts'
import { addTally, emptyTally, exitCodeOf, tallyLine } from '../../../lab/test-runner/tally.ts'
import { SKIP_REASON, TapReader } from '../../../lab/test-runner/tap.ts'
import { pickFiles, testFiles } from '../../../lab/test-runner/test-files.ts'

const tap = `TAP version 13
ok 1 - maps › a missing key is undefined
# a comment
not ok 2 - maps › a key is found
  ---
    message: 'expected 1'
  ...
ok 3 - links › tcx${SKIP_REASON}needs tcx (Linux 6.6) # SKIP
ok 4 - links › later # SKIP
not ok 5 - links › someday # TODO

1..5`

test('TAP is read into tests with their outcome and detail', t => {
  const reader = new TapReader()
  for (const line of tap.split('\n')) reader.line(line)
  reader.end()
  t.deepEqual(reader.tests, [
    { name: 'maps › a missing key is undefined', outcome: 'passed', detail: '' },
    {
      name: 'maps › a key is found',
      outcome: 'failed',
      detail: "  ---\n    message: 'expected 1'\n  ...",
    },
    { name: 'links › tcx', outcome: 'skipped', detail: 'needs tcx (Linux 6.6)' },
    { name: 'links › later', outcome: 'skipped', detail: '' },
    { name: 'links › someday', outcome: 'skipped', detail: '' },
  ])
})

test('a test is reported as soon as its last line was seen', t => {
  const seen: string[] = []
  const reader = new TapReader(({ name }) => seen.push(name))
  reader.line('ok 1 - one')
  t.deepEqual(seen, ['one'])
  reader.line('not ok 2 - two')
  t.deepEqual(seen, ['one'])
  reader.line('  ---')
  reader.line('  ...')
  t.deepEqual(seen, ['one', 'two'])
  reader.line('not ok 3 - three')
  reader.end()
  t.deepEqual(seen, ['one', 'two', 'three'])
})

const files = [
  'build/test/unit/btf/btf.test.js',
  'build/test/unit/btf/codec.test.js',
  'build/test/unit/text.test.js',
]

for (const [pattern, picked] of [
  ['build/test/unit/btf/btf.test.js', [0]],
  ['./test/unit/btf/btf.test.ts', [0]],
  ['test/unit/btf', [0, 1]],
  ['test/unit/btf/', [0, 1]],
  ['test/**/*c.test.js', [1]],
  ['test/**/*.test.js', [0, 1, 2]],
  ['test/unit/*.test.js', [2]],
  ['test/unit/te?t*', [2]],
  ['test/unit/btf/btf', []],
  ['btf', []],
] as const) {
  test(`the pattern ${pattern} picks ${picked.length} files`, t => {
    t.deepEqual(
      pickFiles(files, [pattern]),
      picked.map(i => files[i]!),
    )
  })
}

test('no pattern picks all files', t => {
  t.deepEqual(pickFiles(files, []), files)
})

test('compiled tests are found below a directory', t => {
  t.true(testFiles('build/test/unit').includes('build/test/unit/lab/test-runner.test.js'))
  t.deepEqual(testFiles('build/test/no-such-ring'), [])
})

test('a run fails when a test failed, or none ran', t => {
  t.is(exitCodeOf({ passed: 1, failed: 0, skipped: 9 }), 0)
  t.is(exitCodeOf({ passed: 9, failed: 1, skipped: 0 }), 1)
  t.is(exitCodeOf({ passed: 0, failed: 0, skipped: 9 }), 1)
})

test('tallies add up to the closing line', t => {
  const sum = emptyTally()
  addTally(sum, { passed: 1, failed: 2, skipped: 3 })
  addTally(sum, { passed: 10, failed: 0, skipped: 0 })
  t.is(tallyLine(sum), '11 passed, 2 failed, 3 skipped')
})

/** Counts of a run in which a shell script stands for ava. */
async function runScript(
  script: string,
  options: { timeout?: number; arguments?: string[] } = {},
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-ava-'))
  try {
    const node = join(directory, 'node')
    writeFileSync(node, `#!/bin/sh\n${script}\n`, { mode: 0o755 })
    return tallyLine(await runAva({ node, files: [], timeout: 60, ...options }))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('a run that hangs is killed with all it started, and fails', async t => {
  t.is(await runScript('sleep 1000 & wait', { timeout: 0.2 }), '0 passed, 1 failed, 0 skipped')
})

test('a run that ends badly without a failed test fails', async t => {
  t.is(await runScript('echo "ok 1 - one"; exit 3'), '1 passed, 1 failed, 0 skipped')
  t.is(await runScript('kill -SEGV $$'), '0 passed, 1 failed, 0 skipped')
  t.is(await runScript('echo "not ok 1 - one"; exit 1'), '0 passed, 1 failed, 0 skipped')
})

test('a ring without a test of the wanted title does not fail', async t => {
  t.is(await runScript('exit 1', { arguments: ['--match=*hash*'] }), '0 passed, 0 failed, 0 skipped')
  t.is(await runScript('exit 1'), '0 passed, 1 failed, 0 skipped')
})
