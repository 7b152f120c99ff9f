/**
 * Watchers of descriptors.
 *
 * @module
 */

import { closeSync, openSync } from 'node:fs'
import type { ExecutionContext, TestFn } from 'ava'
import { BpfError } from '../../../../src/base/errors.ts'
import { syscallEntry } from '../../../../src/syscalls/entry.ts'
import { eventually } from '../../poll.ts'
import { countFds, drain, eventFd, signal } from './objects.ts'

/** Registers the tests. */
export function testWatchers(test: TestFn['serial']): void {
  const untilCalled = async (t: ExecutionContext, done: () => boolean): Promise<void> => {
    t.true(await eventually(done))
  }

  test('a watcher is called again until its descriptor is drained', async t => {
    using event = eventFd()
    let calls = 0
    const watcher = syscallEntry().watch(event.fd, () => {
      if (++calls === 3) drain(event.fd)
    })
    signal(event.fd)
    await untilCalled(t, () => calls >= 3)
    await new Promise(resolve => setTimeout(resolve, 20))
    t.is(calls, 3)
    watcher.close()
  })

  test('a callback gets no arguments, with either backend', async t => {
    using event = eventFd()
    const calls: unknown[][] = []
    const watcher = syscallEntry().watch(event.fd, (...given: unknown[]) => {
      calls.push(given)
      watcher.close()
    })
    signal(event.fd)
    await untilCalled(t, () => calls.length > 0)
    t.deepEqual(calls, [[]])
  })

  test('a stopped watcher is silent until it is started', async t => {
    using event = eventFd()
    let calls = 0
    const watcher = syscallEntry().watch(event.fd, () => {
      calls++
      watcher.stop()
    })
    signal(event.fd)
    await untilCalled(t, () => calls === 1)
    await new Promise(resolve => setTimeout(resolve, 20))
    t.is(calls, 1)
    watcher.start()
    watcher.start()
    await untilCalled(t, () => calls === 2)
    watcher.close()
  })

  test('a closed watcher is silent, and cannot be started', async t => {
    using event = eventFd()
    let calls = 0
    const watcher = syscallEntry().watch(event.fd, () => calls++)
    signal(event.fd)
    watcher.close()
    watcher.close()
    watcher.stop()
    watcher.ref()
    watcher.unref()
    await new Promise(resolve => setTimeout(resolve, 20))
    t.is(calls, 0)
    t.throws(() => watcher.start(), {
      instanceOf: BpfError,
      code: 'ERR_CLOSED',
      message: 'Watcher is closed',
    })
  })

  test('one descriptor can have several watchers, and be closed before them', async t => {
    const event = eventFd()
    const calls = [0, 0]
    const watchers = calls.map((_, i) =>
      syscallEntry().watch(event.fd, () => {
        calls[i] = 1
        watchers[i]!.stop()
      }),
    )
    signal(event.fd)
    await untilCalled(t, () => calls[0] === 1 && calls[1] === 1)
    event.close()
    for (const watcher of watchers) watcher.start()
    for (const watcher of watchers) watcher.close()
  })

  test('a descriptor that cannot be watched gives an error and leaves nothing open', t => {
    syscallEntry()
      .watch(0, () => {})
      .close()
    const before = countFds()
    t.throws(() => syscallEntry().watch(99_999, () => {}), {
      instanceOf: BpfError,
      code: 'EBADF',
      message: 'Cannot watch descriptor 99999: Bad file descriptor (EBADF)',
    })
    const file = openSync('/proc/self/exe', 'r')
    t.throws(() => syscallEntry().watch(file, () => {}), {
      instanceOf: BpfError,
      code: 'EPERM',
      message: `Cannot watch descriptor ${file}: its kind of file cannot be waited for (EPERM)`,
    })
    closeSync(file)
    t.is(countFds(), before)
  })

  test('watchers leave no descriptor behind', async t => {
    using event = eventFd()
    const before = countFds()
    for (let i = 0; i < 20; i++)
      syscallEntry()
        .watch(event.fd, () => {})
        .close()
    t.true(await eventually(() => countFds() === before), `${countFds()} descriptors, ${before} before`)
  })
}
