import test from 'ava'
import {
  type DeclaredTest,
  EVERY_KERNEL,
  formatRange,
  inRange,
  parseRange,
  sinceOf,
} from '../../../lab/test-runner/declared.ts'
import { declaredTests } from '../../../lab/test-runner/list-tests.ts'
import { testFiles } from '../../../lab/test-runner/test-files.ts'
import { fileName } from '../../../lab/test-runner/test-names.ts'
import { type KernelChoice, kernels } from '../../../lab/vm/kernels.ts'
import {
  ARCHITECTURE_FILES,
  type GuestPlan,
  HOST_FILES,
  isHostFile,
  NEWEST_FILES,
  planGuest,
  rangeOf,
} from '../../../lab/vm/plan.ts'

const kernel = (name: string): KernelChoice => kernels.find(each => each.name === name)!

const file = (name: string): string => `build/test/kernel/${name}.test.js`
const files = ['links/kprobe', 'maps/arena', 'maps/batch', 'cli/kprobe', 'cli/run'].map(file)
const declared = (name: string, since: string | undefined): DeclaredTest => ({
  file: name,
  title: 'a',
  since,
})
const tests = [
  ...[declared('links/kprobe', '4.1'), declared('links/kprobe', '5.15')],
  ...[declared('maps/arena', '6.9'), declared('maps/batch', undefined)],
  ...[declared('cli/kprobe', '4.1'), declared('cli/run', undefined)],
]
const plan = (name: string): GuestPlan => planGuest(kernel(name), kernels, files, tests, 'x64')

test('a test belongs to the oldest kernel that has what it needs', t => {
  t.deepEqual(rangeOf(kernel('5.10'), kernels, 'x64'), { after: undefined, upTo: '5.10' })
  t.deepEqual(rangeOf(kernel('6.1'), kernels, 'x64'), { after: '5.10', upTo: '6.1' })
  t.deepEqual(rangeOf(kernel('6.12'), kernels, 'x64'), { after: '6.1', upTo: '6.12' })
  t.is(rangeOf(kernel('newest'), kernels, 'x64'), undefined)
  t.is(rangeOf(kernel('6.12-arm64'), kernels, 'x64'), undefined)
  const homes = (since: string | undefined): string[] =>
    kernels.flatMap(each => {
      const range = rangeOf(each, kernels, 'x64')
      return range !== undefined && inRange(since, range) ? [each.name] : []
    })
  t.deepEqual(homes(undefined), ['5.10'])
  t.deepEqual(homes('4.1'), ['5.10'])
  t.deepEqual(homes('5.10'), ['5.10'])
  t.deepEqual(homes('5.11'), ['6.1'])
  t.deepEqual(homes('6.1'), ['6.1'])
  t.deepEqual(homes('6.2'), ['6.12'])
  t.deepEqual(homes('6.12'), ['6.12'])
  t.deepEqual(homes('6.13'), [], 'only the newest has it')
  t.deepEqual(homes(EVERY_KERNEL), ['5.10', '6.1', '6.12'])
})

test('each kernel runs the files that have a test for it', t => {
  t.deepEqual(plan('5.10'), { files: ['links/kprobe', 'maps/batch'].map(file), range: '..5.10' })
  t.deepEqual(plan('6.1'), { files: ['links/kprobe'].map(file), range: '5.10..6.1' })
  t.deepEqual(plan('6.12'), { files: ['maps/arena'].map(file), range: '6.1..6.12' })
})

test('the newest kernel runs all but what the host runs', t => {
  const expected = ['links/kprobe', 'maps/arena', 'maps/batch', 'cli/kprobe'].map(file)
  t.deepEqual(plan('newest'), { files: expected, range: undefined })
})

test('the other architecture runs what depends on the CPU', t => {
  t.deepEqual(plan('6.12-arm64'), { files: ['links/kprobe', 'maps/arena'].map(file), range: undefined })
})

test('a range is the same after it was an environment variable', t => {
  for (const range of [
    { after: undefined, upTo: '5.10' },
    { after: '5.10', upTo: '6.1' },
  ])
    t.deepEqual(parseRange(formatRange(range)), range)
})

test('a test needs the newest of the kernels that its needs name', t => {
  const needs = (...versions: (string | undefined)[]): { since: string | undefined }[] =>
    versions.map(since => ({ since }))
  t.is(sinceOf(['root', ...needs('5.8', '5.18', undefined, '5.4')]), '5.18')
  t.is(sinceOf(['root', ...needs(undefined)]), undefined)
  t.is(sinceOf([]), undefined)
  t.is(sinceOf([EVERY_KERNEL, ...needs('5.8')]), EVERY_KERNEL)
})

/** Some of them load the package, `dist/`, and so do those that load them. */
const all = testFiles('build/test/kernel')

test('the files that the tables name are there', t => {
  const names = new Set(all.map(fileName))
  for (const table of [HOST_FILES, NEWEST_FILES, ARCHITECTURE_FILES]) {
    for (const name of Object.keys(table)) {
      t.true(names.has(name) || [...names].some(each => each.startsWith(`${name}/`)), name)
    }
  }
})

test('tests are listed without being run', t => {
  const listed = declaredTests(all)
  const titles = (name: string): string[] =>
    listed.filter(each => each.file === name).map(({ title }) => title)
  t.deepEqual(
    all.filter(each => titles(fileName(each)).length === 0),
    [],
    'a file without a test',
  )
  t.is(
    listed.find(({ title }) => title === 'a locked-down kernel refuses kprobes, with the reason')?.since,
    '4.1',
  )
  // Those of ava itself count too.
  t.true(titles('asm/run').includes('the tables above have every operation'))
  // No test is lost: each runs on the oldest kernel that has what it needs, on the newest, or on the host.
  for (const { file, since } of listed.filter(each => !isHostFile(each.file))) {
    const onNewest = planGuest(kernels.find(({ name }) => name === 'newest')!, kernels, all, listed, 'x64')
    t.true(onNewest.files.map(fileName).includes(file), `${file} ${since}`)
  }
})

test('a file that cannot be loaded is an error that says why', t => {
  t.throws(() => declaredTests(['build/test/kernel/no-such.test.js']), { message: /no-such\.test\.js/ })
})
