import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { filesByBackend, ONCE_NAMES, runsOnce } from '../../../lab/test-runner/backends.ts'
import { addTimes, Pace, slowestFiles } from '../../../lab/test-runner/pace.ts'
import { keepResults, readResults } from '../../../lab/test-runner/results.ts'
import type { TapTest } from '../../../lab/test-runner/tap.ts'
import { testFiles } from '../../../lab/test-runner/test-files.ts'
import { fileName } from '../../../lab/test-runner/test-names.ts'

test('the time of a file is that of its tests, with the start of its process', t => {
  let now = 1000
  const pace = new Pace(() => now)
  for (const [name, milliseconds] of [
    ['maps/batch › a', 500],
    ['maps/batch › b', 250],
    ['links/kprobe › c', 2000],
    ['maps/batch › d', 250],
  ] as const) {
    now += milliseconds
    pace.step({ name })
  }
  t.deepEqual(pace.times, { 'maps/batch': 1, 'links/kprobe': 2 })
  t.is(slowestFiles(pace.times), 'slowest files: links/kprobe 2 s, maps/batch 1 s')
  t.deepEqual(addTimes(pace.times, { 'maps/batch': 3, 'a/b': 1 }), {
    'maps/batch': 4,
    'links/kprobe': 2,
    'a/b': 1,
  })
})

test('what a backend cannot change runs once, with the last of them', t => {
  const file = (name: string): string => `build/test/kernel/${name}.test.js`
  const files = ['asm/run', 'bench/probes', 'maps/memory', 'new-room/new'].map(file)
  t.deepEqual(files.filter(runsOnce), ['asm/run', 'bench/probes'].map(file))
  t.deepEqual(
    [...filesByBackend(files, ['koffi', 'shim'])],
    [
      ['koffi', ['maps/memory', 'new-room/new'].map(file)],
      ['shim', files],
    ],
  )
  t.deepEqual([...filesByBackend(files, ['koffi'])], [['koffi', files]])
  t.deepEqual([...filesByBackend(files, [])], [])
})

test('the files and folders that run once are there, and those that depend on the backend are not among them', t => {
  const names = testFiles('build/test/kernel').map(fileName)
  for (const each of ONCE_NAMES)
    t.true(
      names.some(name => name === each || name.startsWith(`${each}/`)),
      each,
    )
  for (const name of [
    'maps/memory',
    'maps/elements',
    'readers/ring-records',
    'programs/program',
    'collection/load',
  ])
    t.false(runsOnce(`build/test/kernel/${name}.test.js`), name)
})

const result = (name: string, outcome: TapTest['outcome']): TapTest => ({ name, outcome, detail: '' })

test('results of the host are kept until a source changes', t => {
  const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-results-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  const [file, source] = [join(directory, 'results/kernel.json'), join(directory, 'source')]
  writeFileSync(source, '')
  t.is(readResults(file, [source]), undefined)
  keepResults(
    [
      ...[result('a', 'skipped'), result('b', 'passed'), result('c', 'passed'), result('d', 'skipped')],
      ...[result('a', 'passed'), result('b', 'skipped'), result('c', 'failed'), result('d', 'skipped')],
    ],
    file,
  )
  t.deepEqual(readResults(file, [source]), [
    ...[result('a', 'passed'), result('b', 'passed'), result('c', 'failed'), result('d', 'skipped')],
  ])
  const later = Date.now() / 1000 + 100
  utimesSync(source, later, later)
  t.is(readResults(file, [source]), undefined)
})
