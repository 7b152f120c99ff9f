import test from 'ava'
import fc from 'fast-check'
import type { StackCount } from '../../../src/charts/stacks/stack.ts'
import { leastCountFor, prunedTree, type StackTree, stackTree } from '../../../src/charts/stacks/tree.ts'

/** The tree as lines: depth, name, count, self. */
const lines = (tree: StackTree): string[] =>
  Array.from(
    tree.frame,
    (frame, i) => `${' '.repeat(tree.depth[i]!)}${tree.frames[frame]!.name} ${tree.count[i]} ${tree.self[i]}`,
  )

const stacks: readonly StackCount[] = [
  { frames: ['main', 'b'], count: 1 },
  { frames: ['main', 'a', 'x'], count: 2n },
  { frames: ['main', 'b', 'y'], count: 4 },
  { frames: ['main'], count: 5 },
  { frames: ['other'], count: 2 },
  { frames: ['nothing'], count: 0 },
]

test('stacks that begin alike are one branch, the widest first', t => {
  const tree = stackTree(stacks)
  t.is(tree.total, 14)
  t.deepEqual(lines(tree), ['main 12 5', ' b 5 1', '  y 4 4', ' a 2 0', '  x 2 2', 'other 2 2'])
})

test('an inverted tree begins with the function that ran', t => {
  t.deepEqual(lines(stackTree(stacks, true)), [
    'main 5 5',
    'y 4 0',
    ' b 4 0',
    '  main 4 4',
    'other 2 2',
    'x 2 0',
    ' a 2 0',
    '  main 2 2',
    'b 1 0',
    ' main 1 1',
  ])
})

test('equal names of another kind or file are other branches, of another line the same', t => {
  const frame = { name: 'f', file: 'a.js', line: 1 }
  const tree = stackTree([
    { frames: [frame], count: 3 },
    { frames: [{ ...frame, line: 2 }], count: 1 },
    { frames: [{ ...frame, file: 'b.js' }], count: 2 },
    { frames: [{ ...frame, kind: 'jit' }], count: 1 },
  ])
  t.deepEqual(lines(tree), ['f 4 4', 'f 2 2', 'f 1 1'])
})

test('recursion is as deep as the stack', t => {
  const depth = 100_000
  const tree = stackTree([{ frames: new Array<string>(depth).fill('f'), count: 1 }])
  t.is(tree.frame.length, depth)
  t.is(tree.depth.at(-1), depth - 1)
})

test('what counts less than asked is left out, with all above it', t => {
  t.deepEqual(lines(prunedTree(stackTree(stacks), 3)), ['main 12 5', ' b 5 1', '  y 4 4'])
})

test('the least count for a number of nodes', t => {
  const tree = stackTree(stacks)
  // Counts are 12, 5, 4, 2, 2, 2.
  t.deepEqual(
    [6, 5, 3, 2, 1].map(most => leastCountFor(tree, most)),
    [0, 4, 4, 5, 12],
  )
  t.is(leastCountFor(stackTree([{ frames: ['a', 'b'], count: 1 }]), 1), Number.POSITIVE_INFINITY)
})

test('a tree adds up: each node is its self and its children, whatever the stacks are', t => {
  const name = fc.constantFrom('a', 'b', 'c')
  const stack = fc.record({ frames: fc.array(name, { maxLength: 6 }), count: fc.nat({ max: 9 }) })
  fc.assert(
    fc.property(fc.array(stack, { maxLength: 40 }), fc.boolean(), (input, inverted) => {
      const tree = stackTree(input, inverted)
      t.is(
        tree.total,
        input.reduce((sum, { count }) => sum + count, 0),
      )
      const { length } = tree.count
      const sums = Array.from(tree.self)
      let roots = 0
      for (let node = 0; node < length; node++) {
        let parent = node - 1
        while (parent >= 0 && tree.depth[parent]! >= tree.depth[node]!) parent--
        if (parent < 0) roots += tree.count[node]!
        else {
          t.is(tree.depth[parent], tree.depth[node]! - 1)
          sums[parent]! += tree.count[node]!
        }
      }
      t.is(roots, tree.total)
      t.deepEqual(sums, Array.from(tree.count))
      const least = leastCountFor(tree, 5)
      t.true(prunedTree(tree, least).count.length <= 5)
    }),
  )
})
