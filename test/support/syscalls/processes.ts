/**
 * What every backend of `src/syscalls` must do at the end of processes and workers, when an exception is thrown, and when
 * objects are collected: each in a process of its own.
 *
 * @module
 */

import type { TestFn } from 'ava'
import type { SyscallEntry } from '../../../src/syscalls/backends/syscall-entry.ts'
import { runScenario } from './scenarios.ts'

/** Registers the tests: one after the other, since some are about time. */
export function processes(ava: TestFn, backend: SyscallEntry['backend']): void {
  const test = ava.serial

  test('looking up an element allocates nothing', async t => {
    const execArgv = ['--expose-gc', '--max-semi-space-size=128']
    const { lines } = await runScenario('look up many times', backend, { execArgv })
    const [bytes] = lines.map(Number)
    // The compiler allocates now and then; an object of any kind would be 16 bytes at least.
    t.true(bytes! < 8, `${bytes} bytes per look-up`)
  })

  const scenario = (title: string, name: string, lines: string[], code = 0): void => {
    test(title, async t => {
      const outcome = await runScenario(name, backend, { execArgv: ['--expose-gc'] })
      t.deepEqual(outcome, { code, signal: null, lines, stderr: '' })
    })
  }

  scenario('process.exit does not wait for a watcher', 'exit with an open watcher', [], 7)
  scenario('process.exit works in a callback', 'exit in a callback', [], 7)
  scenario('an unreferenced watcher lets the process end', 'unreferenced watcher', ['end'])
  scenario('an unreferenced watcher is called', 'unreferenced watcher is called', ['called'])
  scenario('a watcher keeps the process alive', 'referenced watcher', ['called'])
  scenario('a watcher that is referenced again keeps the process alive', 'referenced again', ['called'])
  scenario('a stopped watcher lets the process end', 'stopped watcher', ['end'])
  scenario('a callback that throws is an uncaught exception, and later calls come', 'callback throws', [
    'thrown 1',
    'thrown 2',
    'thrown 3',
  ])
  scenario('promises and ticks of a callback are served', 'callback settles promises', ['promise', 'tick'])
  scenario('a watcher without references is called', 'watcher is collected', ['gc function, called 1'])
  scenario('descriptors 0 to 2 are not used', 'descriptors start above 2', [
    'made 0, owned true, old one open false',
  ])
  scenario(
    'a worker that can own no more descriptors closes what it was given',
    'adopt in a worker without descriptors',
    ['Cannot adopt event: Too many open files (EMFILE); open false'],
  )
  scenario('a worker does not use descriptors 0 to 2', 'adopt in a worker without standard input', [
    'above 2 true, 0 open false',
  ])
  scenario('a probe in a worker prints no warning', 'probe in a worker', ['yes'])
  for (const what of ['a watching worker', 'a worker in an asynchronous call', 'a worker that owns a map']) {
    scenario(`terminating ${what} leaves nothing behind`, `terminate ${what}`, ['nothing left'])
  }
  scenario('a watcher works in a worker', 'worker is woken', ['called 5'])
  scenario('an unreferenced watcher lets a worker end', 'worker ends by itself', ['called', 'exit 0'])
  scenario('process.exit in a worker does not wait for a watcher', 'worker exits while watching', ['exit 3'])
  scenario('process.exit in a callback of a worker ends the worker alone', 'worker exits in a callback', [
    'exit 3',
  ])
  scenario(
    'terminating workers whose watchers are busy leaves the process alive',
    'busy workers are terminated',
    ['alive'],
  )
  scenario('a callback that throws in a worker does not end the watching', 'worker callback throws', [
    'thrown 1, thrown 2',
  ])
  scenario(
    'process.exit does not wait for a worker that watches',
    'process exits while a worker watches',
    [],
    7,
  )

  test('a callback that throws ends the process without a listener', async t => {
    const { code, signal, stderr } = await runScenario('callback throws without a listener', backend)
    t.deepEqual([code, signal], [1, null])
    t.true(stderr.includes('Error: thrown in a callback'), stderr)
  })

  test('DEBUG reports a lost owner, whose descriptor stays open', async t => {
    const outcome = await runScenario('owner is collected', backend, {
      execArgv: ['--expose-gc'],
      env: { DEBUG: 'ebpf-ts:fd' },
    })
    t.deepEqual(outcome.lines, ['still open true'])
    t.regex(outcome.stderr, /lost event \(fd \d+\) was garbage collected without close\(\)/)
  })
}
