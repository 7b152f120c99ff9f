import test from 'ava'
import { ENOSPC } from '../../../src/base/errno.ts'
import { EpollLoop } from '../../../src/syscalls/backends/watch-epoll.ts'
import { PollWatcher } from '../../../src/syscalls/backends/watch-poll.ts'
import { nr } from '../../../src/syscalls/numbers.ts'

const makers: readonly number[] = [nr.epoll_create1, nr.eventfd2, nr.fcntl]

/** A kernel that knows descriptors only; its `epoll_ctl` fails from the call of this number on. */
function fakeKernel(controlsThatWork: number) {
  const open = new Set<number>()
  let next = 10
  let controls = 0
  return {
    open,
    addressOf: () => 0x1000,
    syscallAsync: () => new Promise<number>(() => {}),
    syscallInto: () => 0,
    syscall(number: number, fd = 0): number {
      if (makers.includes(number)) {
        open.add(next)
        return next++
      }
      if (number === nr.close) open.delete(fd)
      return number === nr.epoll_ctl && ++controls > controlsThatWork ? -ENOSPC : 0
    },
  }
}

test('a descriptor that the set does not take is not left open', t => {
  // The first adds the eventfd of the loop, the second is the look whether the descriptor can be watched.
  const kernel = fakeKernel(2)
  const loop = new EpollLoop(kernel)
  const refused = { code: 'ENOSPC', message: /^Cannot watch descriptor \d+: / }
  t.throws(() => loop.watch(5, () => {}), refused)
  const [...ofLoop] = kernel.open
  t.is(ofLoop.length, 2, 'the set and its eventfd')
})

test('a descriptor without a poll handle is not left open', t => {
  const kernel = fakeKernel(1)
  const poll = (): never => {
    throw new Error('no handle')
  }
  t.throws(() => PollWatcher.open({ ...kernel, poll }, 5, () => {}), { message: 'no handle' })
  t.is(kernel.open.size, 0)
})
