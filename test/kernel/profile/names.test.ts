import { once } from 'node:events'
import type { StackCount } from '../../../src/charts/stacks/stack.ts'
import { profile } from '../../../src/profile/profile.ts'
import type { Profile } from '../../../src/profile/profile-result.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { busyC, busyNode, HOT_SCRIPT, NAMED } from '../../support/profile/busy.ts'
import { namesOf, untilSamples } from '../../support/profile/until-samples.ts'

/** Share of a profile with a function anywhere in its stacks. */
function shareOf({ stacks }: Pick<Profile, 'stacks'>, ...functions: readonly string[]): number {
  const sum = (some: readonly StackCount[]): number =>
    some.reduce((total, { count }) => total + Number(count), 0)
  return sum(stacks.filter(stack => namesOf(stack).some(name => functions.includes(name)))) / sum(stacks)
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
