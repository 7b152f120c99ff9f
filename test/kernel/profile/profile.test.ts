import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { BpfError } from '../../../src/base/errors.ts'
import { profile } from '../../../src/profile/profile.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { busyNode } from '../../support/profile/busy.ts'
import { namesOf, untilSamples } from '../../support/profile/until-samples.ts'

kernelTest('waits have times, and end where the thread waits', ['tracefs'], async t => {
  const child = spawn('sh', ['-c', 'while :; do sleep 0.01; done'], { stdio: 'ignore' })
  t.teardown(() => child.kill('SIGKILL'))
  const result = await untilSamples(5, { pid: child.pid!, mode: 'off-cpu' })
  t.is(result.unit, 'nanoseconds')
  const sum = result.stacks.reduce((total, { count }) => total + Number(count), 0)
  t.true(sum > 0 && sum < 1.05e9 * result.duration, `${sum} ns of ${result.duration} s`)
  t.false(result.stacks.some(stack => ['schedule', '__schedule'].includes(namesOf(stack).at(-1)!)))
  t.deepEqual([result.lost, result.unfollowed, result.idle], [0, 0, 0])
})

kernelTest('only the stacks of the kernel', [], async t => {
  const { pid } = await busyNode(
    t,
    `const { statSync } = require('fs'); console.log(1); for (;;) statSync('/')`,
  )
  const result = await untilSamples(50, { pid, stacks: 'kernel', frequency: 199 })
  t.true(
    result.stacks.every(({ frames }) =>
      frames.every(each => typeof each === 'object' && each.kind === 'kernel'),
    ),
  )
  t.true(result.excluded > 0)
})

kernelTest('a callback that throws ends the profile', [], async t => {
  let calls = 0
  const onProgress = (): void => {
    if (++calls === 2) throw new Error('enough')
  }
  await t.throwsAsync(profile({ duration: 60, onProgress }), { message: 'enough' })
  t.is(calls, 2)
})

kernelTest('what cannot be profiled is refused', [], async t => {
  await t.throwsAsync(profile({ pid: 2 ** 31 - 2, duration: 1 }), { instanceOf: BpfError, code: 'ESRCH' })
  const thread = readdirSync('/proc/self/task')
    .map(Number)
    .find(each => each !== process.pid)
  await t.throwsAsync(profile({ pid: thread!, duration: 1 }), {
    instanceOf: RangeError,
    message: `Cannot profile: ${thread} is a thread of process ${process.pid}: give that`,
  })
  await t.throwsAsync(profile({ event: 'cpu-clok', duration: 1 }), { message: /did you mean cpu-clock\?/ })
  const aborted = await profile({ signal: AbortSignal.abort() })
  t.true(aborted.samples >= 0)
})
