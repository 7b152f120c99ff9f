import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { BpfError } from '../../../src/base/errors.ts'
import type { StackCount } from '../../../src/charts/stacks/stack.ts'
import type { ProfileOptions, ProfileProgress } from '../../../src/profile/options.ts'
import { profile } from '../../../src/profile/profile.ts'
import type { Profile } from '../../../src/profile/profile-result.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { busyC, busyNode, HOT_SCRIPT, NAMED } from '../../support/profile/busy.ts'

const namesOf = ({ frames }: StackCount): string[] =>
  frames.map(frame => (typeof frame === 'string' ? frame : frame.name))

/** Share of a profile with a function anywhere in its stacks. */
function shareOf({ stacks }: Pick<Profile, 'stacks'>, ...functions: readonly string[]): number {
  const sum = (some: readonly StackCount[]): number =>
    some.reduce((total, { count }) => total + Number(count), 0)
  return sum(stacks.filter(stack => namesOf(stack).some(name => functions.includes(name)))) / sum(stacks)
}

/** Profiles until there are so many samples, however slow the machine is. */
function untilSamples(least: number, options: ProfileOptions): Promise<Profile> {
  const enough = new AbortController()
  const onProgress = ({ samples }: ProfileProgress): void => {
    if (samples >= least) enough.abort()
  }
  return profile({ ...options, duration: 60, signal: enough.signal, onProgress })
}

kernelTest(
  'nine of ten samples of a C program are in its hot functions, in their proportion',
  ['cc'],
  async t => {
    const { pid } = await busyC(t)
    const result = await untilSamples(200, { pid, frequency: 499 })
    t.true(shareOf(result, 'often', 'seldom') > 0.9)
    const often = shareOf(result, 'often')
    t.true(often > 0.55 && often < 0.85, String(often))
    t.is(result.processes[0]?.name, 'hot')
    t.deepEqual(result.processes.length, 1)
    const path = namesOf(result.stacks[0]!)
    t.deepEqual(path.slice(path.indexOf('main')).slice(0, 2), ['main', 'often'])
  },
)

kernelTest('nine of ten samples of Node.js are in its hot function', [], async t => {
  const { pid } = await busyNode(t, HOT_SCRIPT, NAMED)
  const result = await untilSamples(100, { pid, frequency: 199 })
  t.true(shareOf(result, 'hotFunction') > 0.9, JSON.stringify(result.stacks.map(namesOf)))
  t.true(shareOf(result, 'outerFunction') > 0.9)
  const frame = result.stacks[0]!.frames.find(each => typeof each === 'object' && each.name === 'hotFunction')
  t.true(typeof frame === 'object' && (frame.kind === 'jit' || frame.kind === 'interpreted'))
  t.deepEqual(result.hints, [])
})

kernelTest('Node.js without a perf map: the hint names the options', [], async t => {
  const { pid } = await busyNode(t, HOT_SCRIPT)
  const result = await untilSamples(20, { pid, stacks: 'user' })
  t.is(shareOf(result, 'hotFunction'), 0)
  t.regex(
    result.hints[0]!,
    new RegExp(
      `^process ${pid} \\(node.*\\) has no perf map: .*NODE_OPTIONS="--perf-basic-prof --interpreted-frames`,
    ),
  )
  t.false(
    result.stacks.some(({ frames }) =>
      frames.some(each => typeof each === 'object' && each.kind === 'kernel'),
    ),
  )
})

kernelTest('a process that ends meanwhile has names', [], async t => {
  const script = `${HOT_SCRIPT.replace('for (;;)', 'while (process.cpuUsage().user < 8e5)')}`
  const ended = new AbortController()
  const running = profile({ duration: 60, signal: ended.signal, frequency: 199 })
  const { pid, child } = await busyNode(t, script, NAMED)
  if (child.exitCode === null) await once(child, 'exit')
  ended.abort()
  const result = await running
  const own = result.stacks.filter(({ labels }) => labels?.pid === pid)
  t.true(shareOf({ stacks: own }, 'hotFunction', 'outerFunction') > 0.3)
})

kernelTest('waiting is measured, with the function that waits', ['tracefs'], async t => {
  const script = `
const { readSync } = require('fs')
const byte = new Uint8Array(1)
function waitingFunction(n) { return n > 0 ? waitingFunction(n - 1) : readSync(0, byte) }
console.log('begun')
while (waitingFunction(1) === 1);`
  const { pid, child } = await busyNode(t, script, NAMED)
  const writing = setInterval(() => child.stdin!.write('x'), 5)
  t.teardown(() => clearInterval(writing))
  const result = await profile({ pid, mode: 'off-cpu', duration: 1 })
  t.is(result.unit, 'nanoseconds')
  const waiting = result.stacks.filter(stack => namesOf(stack).includes('waitingFunction'))
  const sum = waiting.reduce((total, { count }) => total + Number(count), 0)
  t.true(sum > 0.2e9 * result.duration && sum < 1.05e9 * result.duration, `${sum} ns of ${result.duration} s`)
  t.false(waiting.some(stack => ['schedule', '__schedule'].includes(namesOf(stack).at(-1)!)))
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
