import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import type { TapTest } from '../../../lab/test-runner/tap.ts'
import { GuestConsole, type GuestResult, watchGuest } from '../../../lab/vm/console.ts'
import { type GuestKernel, kernels, prepareKernel } from '../../../lab/vm/kernels.ts'
import {
  filesLeft,
  formatMatrix,
  isEmulatorsFault,
  joined,
  type KernelResult,
  kernelResult,
  neverRun,
  tallyMatrix,
} from '../../../lab/vm/matrix.ts'

const passed = (name: string): TapTest => ({ name, outcome: 'passed', detail: '' })
const failed = (name: string): TapTest => ({ name, outcome: 'failed', detail: 'expected 1' })
const skipped = (name: string, detail: string): TapTest => ({ name, outcome: 'skipped', detail })

/** What came of a kernel that ran well. */
function result(name: string, tests: readonly TapTest[], more: Partial<KernelResult> = {}): KernelResult {
  return {
    name,
    release: `${name}.0-cloud-amd64`,
    tests,
    failure: undefined,
    seconds: 61.4,
    files: {},
    ...more,
  }
}

test('the console of a guest shows what its command printed, and how it ended', t => {
  const seen: string[] = []
  const console = new GuestConsole(line => seen.push(line))
  for (const line of [
    'booting',
    '\u001b[2J@@ begin @@',
    'TAP version 13',
    'ok 1 - one',
    '@@ end 0 @@',
    'off',
  ]) {
    console.line(line)
  }
  t.deepEqual(console.output, ['TAP version 13', 'ok 1 - one'])
  t.deepEqual(seen, console.output)
  t.is(console.exitCode, 0)
  t.is(console.failure, undefined)
})

for (const death of [
  '[   12.3] Kernel panic - not syncing: Fatal exception',
  '[   12.3] Oops: 0000 [#1] SMP',
  '[   12.3] BUG: kernel NULL pointer dereference, address: 0000000000000000',
  '[   12.3] Out of memory: Killed process 123 (node) total-vm:1kB',
]) {
  test(`a guest that says "${death}" is not to be trusted, even when its command has ended well`, t => {
    const console = new GuestConsole()
    for (const line of ['@@ begin @@', 'ok 1 - one', '@@ end 0 @@', death, 'a later panic: Kernel panic']) {
      console.line(line)
    }
    t.is(console.exitCode, 0)
    t.is(console.failure, death)
  })
}

test('of a console the last lines are kept', t => {
  const console = new GuestConsole()
  for (let i = 1; i <= 100; i++) console.line(`line ${i}`)
  t.deepEqual([console.last.length, console.last[0], console.last.at(-1)], [40, 'line 61', 'line 100'])
  t.is(console.failure, 'stopped before the command was done')
})

/** Watches a shell script that stands for an emulator. */
const watchScript = (script: string, timeout = 60): Promise<GuestResult> =>
  watchGuest('sh', ['-c', script], { timeout })

test('a guest that ends well', async t => {
  const guest = await watchScript('echo "@@ begin @@"; echo one; echo "@@ end 3 @@"')
  t.like(guest, { exitCode: 3, failure: undefined, output: ['one'] })
})

test('a guest that panics is turned off once it had time for its last words', async t => {
  const guest = await watchScript(
    'echo "@@ begin @@"; echo "Kernel panic"; echo "Call Trace:"; exec sleep 1000',
  )
  t.like(guest, { exitCode: undefined, failure: 'Kernel panic' })
  t.deepEqual(guest.console.slice(-2), ['Kernel panic', 'Call Trace:'])
})

test('a guest that panics and turns itself off at once is a panic too', async t => {
  t.is((await watchScript('printf "@@ begin @@\n@@ end 0 @@\nKernel panic"')).failure, 'Kernel panic')
})

test('a guest that hangs is turned off', async t => {
  const guest = await watchScript('echo "@@ begin @@"; echo one; exec sleep 1000', 0.5)
  t.like(guest, { exitCode: undefined, failure: 'hung for 0.5 seconds', output: ['one'] })
})

test('an emulator that stops, or says why it does not start', async t => {
  const guest = await watchScript('echo "no such disk" >&2; exit 1')
  t.like(guest, { failure: 'stopped before the command was done', console: ['no such disk'] })
  await t.throwsAsync(watchGuest('/no/such/emulator', [], { timeout: 60 }), { code: 'ENOENT' })
})

const good: GuestResult = { exitCode: 0, failure: undefined, output: ['ok'], console: ['off'], seconds: 1 }
const kernel = { name: '6.12', release: '6.12.1' }

test('what is wrong with a guest fails its kernel, with the last lines', t => {
  const of = (guest: Partial<GuestResult>, tests: TapTest[]): string | undefined =>
    kernelResult(kernel, { ...good, ...guest }, tests, {}).failure
  t.is(of({}, [passed('one')]), undefined)
  t.is(of({ exitCode: 1 }, [failed('one')]), undefined, 'the failed test says it')
  t.is(of({ exitCode: 1 }, [passed('one')]), 'ava ended with exit code 1; last lines:\n    ok')
  t.is(of({}, []), 'no test ran; last lines:\n    ok')
  t.is(of({ failure: 'Oops: 1' }, [passed('one')]), 'Oops: 1; last lines:\n    off')
})

test('a guest that died counts as failed although all its tests passed', t => {
  const died = kernelResult(kernel, { ...good, failure: 'Kernel panic' }, [passed('one')], {})
  t.deepEqual(tallyMatrix([died]), { passed: 1, failed: 1, skipped: 0 })
})

test('a test that is skipped on every kernel fails the matrix', t => {
  const results = [
    result('5.10', [passed('one'), skipped('two', 'needs a'), skipped('three', 'needs b')]),
    result('6.1', [passed('one'), passed('two'), skipped('three', 'needs b')]),
  ]
  t.deepEqual(neverRun(results), ['three'])
  t.deepEqual(tallyMatrix(results, ['three']), { passed: 3, failed: 1, skipped: 3 })
  t.deepEqual(tallyMatrix(results), { passed: 3, failed: 0, skipped: 3 })
  const host = result('host', [passed('three')])
  t.deepEqual(neverRun([host, ...results]), [], 'the host runs what no guest can')
})

test('the table has a row per test, a column per kernel, and the reasons of skips', t => {
  const results = [
    result('5.10', [passed('one'), skipped('two', 'needs a'), failed('three')]),
    result('newest', [passed('one'), passed('two')], { seconds: 5, files: { one: 1.4, two: 3 } }),
    result('broken', [], { release: '', failure: 'cannot run: no network', seconds: 0 }),
  ]
  t.is(
    formatMatrix(results),
    `
        5.10    newest    broken
kernel  5.10.0  newest.0
one     ok      ok
two     - [1]   ok
three   FAILED
[1] needs a
5.10: 1 passed, 1 failed, 1 skipped in 61 s
newest: 2 passed, 0 failed, 0 skipped in 5 s
  slowest files: two 3 s, one 1 s
broken: 0 passed, 1 failed, 0 skipped in 0 s`.slice(1),
  )
})

test.serial('a kernel that was fetched once needs neither network nor tools', t => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'ebpf-ts-vm-')))
  const [cwd, path] = [process.cwd(), process.env.PATH]
  t.teardown(() => {
    process.chdir(cwd)
    process.env.PATH = path
    rmSync(directory, { recursive: true })
  })
  process.chdir(directory)
  process.env.PATH = ''
  const [choice] = kernels
  const cached: GuestKernel = {
    ...{ name: choice!.name, arch: choice!.arch, release: '5.10.0-99' },
    ...{ image: 'vmlinuz', config: 'config', bootModules: [], modules: 'modules' },
  }
  t.throws(() => prepareKernel(choice!), undefined, 'the test itself: fetching is impossible')
  mkdirSync(join('.cache/vm/kernels', choice!.name), { recursive: true })
  writeFileSync(join('.cache/vm/kernels', choice!.name, 'kernel.json'), JSON.stringify(cached))
  t.deepEqual(prepareKernel(choice!), cached)
})

test('only the breakpoint of patched code is a fault of the emulator', t => {
  const oops = (what: string): KernelResult =>
    kernelResult(
      kernel,
      { ...good, failure: `[  862.257327] Oops: ${what}: 0000 [#1] PREEMPT SMP NOPTI` },
      [],
      {},
    )
  t.true(isEmulatorsFault(oops('int3')))
  t.false(isEmulatorsFault(oops('general protection fault')))
  t.false(isEmulatorsFault(result('6.12', [], { failure: 'no output for 300 s' })))
  t.false(isEmulatorsFault(result('6.12', [passed('one')])))
})

test('another guest goes on with the file that a guest died in', t => {
  const files = ['arena', 'maps', 'uprobe', 'verify'].map(name => `build/test/kernel/${name}.test.js`)
  const left = (tests: readonly TapTest[]): string[] =>
    filesLeft(files, tests).map(file => /(\w+)\.test\.js$/.exec(file)![1]!)
  t.deepEqual(left([passed('arena › a'), passed('maps › b')]), ['maps', 'uprobe', 'verify'])
  t.deepEqual(left([passed('uprobe › c'), passed('verify › d')]), ['verify'])
  t.deepEqual(left([]), ['arena', 'maps', 'uprobe', 'verify'])
})

test('what the first guest said of those files does not count', t => {
  const first = result('6.12', [passed('arena › a'), failed('maps › b')], {
    ...{ failure: 'Oops', seconds: 5, files: { arena: 2, maps: 1 } },
  })
  const second = result('6.12', [passed('maps › b'), passed('verify › d')], {
    ...{ seconds: 7, files: { maps: 3, verify: 4 } },
  })
  const both = joined(first, second)
  t.deepEqual(both.tests, [passed('arena › a'), passed('maps › b'), passed('verify › d')])
  t.is(both.seconds, 12)
  t.deepEqual(both.files, { arena: 2, maps: 4, verify: 4 })
  t.is(both.failure, undefined)
  const died = joined(first, result('6.12', [passed('maps › b')], { failure: 'Oops again' }))
  t.is(died.failure, 'Oops again')
})
