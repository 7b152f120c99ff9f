import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import test from 'ava'
import { viewerSource } from '../../../lab/flame-viewer/bundle.ts'
import { FlameModel, searchPattern } from '../../../lab/flame-viewer/model.ts'
import { FLAME_VIEWER } from '../../../lab/generate/main.ts'
import { flameData } from '../../../src/charts/flame/data.ts'
import { flameGraphSettings } from '../../../src/charts/flame/options.ts'
import type { StackCount } from '../../../src/charts/stacks/stack.ts'
import { stackTree } from '../../../src/charts/stacks/tree.ts'

const stacks: readonly StackCount[] = [
  { frames: ['main', 'work', { name: 'read', kind: 'kernel', file: 'vmlinux', line: 5 }], count: 4 },
  { frames: ['main', 'work'], count: 2 },
  { frames: ['main', 'idle', 'work'], count: 1 },
  { frames: ['other'], count: 1 },
]

const dataOf = (maxNodes = 100, input = stacks) =>
  flameData(stackTree(input), flameGraphSettings({}), maxNodes)

/** Nodes are 0 all, 1 main, 2 work, 3 read, 4 idle, 5 work, 6 other. */
const model = (): FlameModel => new FlameModel(dataOf())

const drawn = (graph: FlameModel, least = 0): string[] =>
  [...graph.boxes(0, 99, least)].map(({ node, row, from, to }) => `${graph.name(node)} ${row} ${from}-${to}`)

test('the script in src is what `npm run generate` writes', async t => {
  t.true(
    readFileSync(FLAME_VIEWER, 'utf8') === (await viewerSource()),
    `${FLAME_VIEWER} is stale: run npm run generate`,
  )
})

test('the viewer compiles for browsers', t => {
  const tsc = spawnSync(
    process.execPath,
    ['node_modules/@typescript/native/bin/tsc', '-p', 'lab/flame-viewer'],
    {
      encoding: 'utf8',
    },
  )
  t.is(tsc.stdout, '')
  t.is(tsc.status, 0)
})

test('boxes lie above their callers, side by side', t => {
  t.is(model().rows, 4)
  t.deepEqual(drawn(model()), [
    'all 0 0-1',
    'main 1 0-0.875',
    'work 2 0-0.75',
    'read 3 0-0.5',
    'idle 2 0.75-0.875',
    'work 3 0.75-0.875',
    'other 1 0.875-1',
  ])
  t.deepEqual(drawn(model(), 0.5), ['all 0 0-1', 'main 1 0-0.875', 'work 2 0-0.75', 'read 3 0-0.5'])
  t.deepEqual(
    [...model().boxes(2, 2, 0)].map(({ node }) => node),
    [2, 4],
  )
})

test('a zoomed box is as wide as the picture, and so are its callers', t => {
  const graph = model()
  graph.zoom(2)
  t.deepEqual(drawn(graph), ['all 0 0-1', 'main 1 0-1', 'work 2 0-1', `read 3 0-${4 / 6}`])
  t.deepEqual([graph.at(1, 0.99), graph.at(3, 0.5), graph.at(3, 0.9)], [1, 3, -1])
})

test('a place of the picture leads to its box', t => {
  const graph = model()
  for (const { node, row, from, to } of graph.boxes(0, 99, 0)) t.is(graph.at(row, (from + to) / 2), node)
  t.deepEqual([graph.at(0, 0), graph.at(2, 0.9), graph.at(9, 0.1), graph.at(0, 1)], [0, -1, -1, -1])
})

test('arrow keys lead to neighbours', t => {
  const graph = model()
  t.deepEqual(
    [0, 1, 2, 3].map(node => graph.child(node)),
    [1, 2, 3, -1],
  )
  t.deepEqual(
    [0, 1, 4, 5].map(node => graph.parent(node)),
    [-1, 0, 1, 4],
  )
  t.deepEqual(
    [0, 1, 2, 4, 6].map(node => graph.sibling(node, 1)),
    [-1, 6, 4, -1, -1],
  )
  t.deepEqual(
    [0, 1, 2, 4, 6].map(node => graph.sibling(node, -1)),
    [-1, -1, -1, 2, 1],
  )
})

test('a search counts a stack once, by name and by file', t => {
  const work = model().search(searchPattern('work')!)
  t.deepEqual(
    [work.count, work.boxes, work.matches(2), work.matches(1), work.matches(0)],
    [7, 2, true, false, false],
  )
  const both = model().search(searchPattern('main|work')!)
  t.deepEqual([both.count, both.boxes], [7, 3])
  t.is(model().search(searchPattern('vmlin')!).count, 4)
  t.is(model().search(searchPattern('nowhere')!).boxes, 0)
})

test('a pattern in lower case ignores case, and a wrong one is found out', t => {
  t.true(searchPattern('vfs_')!.test('VFS_READ'))
  t.false(searchPattern('Vfs_')!.test('vfs_read'))
  t.is(searchPattern('('), undefined)
})

test('what is known of a box', t => {
  const graph = model()
  t.deepEqual(
    [graph.name(3), graph.kind(3), graph.place(3), graph.count(3), graph.self(3)],
    ['read', 'kernel', 'vmlinux:5', 4, 4],
  )
  t.deepEqual([graph.name(0), graph.kind(0), graph.place(0), graph.count(0)], ['all', undefined, '', 8])
  t.deepEqual([graph.self(2), graph.place(2), graph.kind(2)], [2, '', 'native'])
})

test('the narrowest boxes are left out of a page, with the frames that only they have', t => {
  const data = dataOf(3)
  t.deepEqual(data.hidden, { nodes: 3, greatest: 1 })
  t.deepEqual(
    data.frames.map(([name]) => name),
    ['main', 'work', 'read'],
  )
  t.deepEqual(drawn(new FlameModel(data)).length, 4)
  const tied = dataOf(1, [{ frames: ['a', 'b'], count: 5 }])
  t.deepEqual(tied.hidden, { nodes: 2, greatest: 5 })
})

test('a page of no stacks is one box', t => {
  t.deepEqual(drawn(new FlameModel(dataOf(9, []))), ['all 0 0-1'])
})
