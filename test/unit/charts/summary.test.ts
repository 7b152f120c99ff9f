import test from 'ava'
import { summarizeStacks } from '../../../src/charts/stacks/summary.ts'

const native = { kind: 'native', file: '' } as const

test('functions are in the order of what they take themselves, recursion counts once', t => {
  const { total, functions } = summarizeStacks([
    { frames: ['main', 'fib', 'fib', 'fib'], count: 5 },
    { frames: ['main', 'fib', 'log', 'fib'], count: 2n },
    { frames: ['main', 'log'], count: 3 },
    { frames: ['main'], count: 1 },
    { frames: ['never'], count: 0 },
  ])
  t.is(total, 11)
  t.deepEqual(functions, [
    { name: 'fib', ...native, self: 7, total: 7 },
    { name: 'log', ...native, self: 3, total: 5 },
    { name: 'main', ...native, self: 1, total: 11 },
  ])
})

test('the hottest path follows the widest callee until a function keeps more for itself', t => {
  const path = (...stacks: [string, number][]): string[] =>
    summarizeStacks(stacks.map(([names, count]) => ({ frames: names.split(' '), count }))).hottestPath.map(
      ({ name, count }) => `${name} ${count}`,
    )
  t.deepEqual(path(['a b c', 5], ['a b d', 4], ['a e', 3], ['x', 11]), ['a 12', 'b 9', 'c 5'])
  t.deepEqual(path(['a b', 5], ['a b c', 4]), ['a 9', 'b 9'])
  t.deepEqual(path(['a b', 5], ['a b c', 5]), ['a 10', 'b 10', 'c 5'])
  t.deepEqual(path(['a', 2], ['b c', 1]), ['a 2'])
  t.deepEqual(path(), [])
})

test('names are safe to show', t => {
  t.is(summarizeStacks([{ frames: ['\u001b[2J'], count: 1 }]).functions[0]!.name, '\\x1b[2J')
})

test('functions of equal names in other files are apart', t => {
  const frame = { name: 'f', kind: 'jit', line: 3 } as const
  const { functions } = summarizeStacks([
    { frames: [{ ...frame, file: 'a.js' }], count: 1 },
    { frames: [{ ...frame, file: 'b.js' }], count: 2 },
  ])
  t.deepEqual(
    functions.map(({ file, kind }) => `${file} ${kind}`),
    ['b.js jit', 'a.js jit'],
  )
})
