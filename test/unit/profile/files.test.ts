import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { profileDocument } from '../../../src/profile/document.ts'
import { type ProfileFormat, profileFile, profileFormat, profileNotes } from '../../../src/profile/files.ts'
import { hintsOf, type ProcessFrames } from '../../../src/profile/hints.ts'
import { profileSettings } from '../../../src/profile/options.ts'
import { formatProfile } from '../../../src/profile/report.ts'
import { percent, time } from '../../../src/profile/words.ts'
import { profileResult } from '../../support/profile/result.ts'

const text = (format: ProfileFormat): string => String(profileFile(profileResult(), format))

test('the end of a name says what the file is', t => {
  t.is(profileFormat('/tmp/a.html'), 'html')
  t.is(profileFormat('a.speedscope.json'), 'speedscope')
  t.is(profileFormat('a.pb.gz'), 'pprof')
  t.throws(() => profileFormat('a.json'), {
    instanceOf: TypeError,
    message: 'Cannot write "a.json": names of profiles end in .html, .svg, .speedscope.json, .pb.gz, .folded',
  })
})

test('a profile is written in every form', t => {
  t.is(text('folded'), 'node;fib_[j] 30\nsh;main;vfs_read_[k] 10\n')
  t.regex(
    text('svg'),
    /^<svg[\s\S]*40 samples of cpu-clock in 2\.0 s at 100 Hz on 4 CPUs; 0 lost; 5 of idle CPUs/,
  )
  t.regex(text('html'), /^<!doctype html>[\s\S]*CPU, all processes/i)
  t.like(JSON.parse(text('speedscope')), { name: 'CPU, all processes', profiles: [{ weights: [30, 10] }] })
  const pprof = gunzipSync(profileFile(profileResult(), 'pprof') as Uint8Array).toString('latin1')
  for (const each of ['fib', 'nanoseconds', '40 samples of cpu-clock']) t.true(pprof.includes(each), each)
  t.throws(() => text('gif' as ProfileFormat), { instanceOf: TypeError })
})

test('the report has the functions, the hottest path and what is missing', t => {
  t.is(
    formatProfile(profileResult({ hints: ['do this'] })),
    `CPU, all processes
40 samples of cpu-clock in 2.0 s at 100 Hz on 4 CPUs; 0 lost; 5 of idle CPUs; 10.0 % in functions without a name

Functions by their own samples

    self   total  samples  function
  75.0 %  75.0 %       30  fib  (a.js)
  25.0 %  25.0 %       10  vfs_read

Hottest path

  75.0 %  node
  75.0 %  fib  (a.js)

Processes

   share  samples  pid  name
  75.0 %       30    7  node
  25.0 %       10    8  sh

Hints

  do this
`,
  )
})

test('a profile of waiting has times, and one without samples says so', t => {
  const waits = profileResult({
    mode: 'off-cpu',
    unit: 'nanoseconds',
    event: undefined,
    frequency: undefined,
    pid: 7,
    stacks: [{ frames: ['node', 'a', 'a', 'a'], count: 2_500_000_000 }],
    unfollowed: 3,
    processes: [{ pid: 7, name: 'node', samples: 40, value: 2_500_000_000 }],
  })
  const report = formatProfile(waits)
  t.regex(
    report,
    /^Waiting, process 7 \(node\)\n40 waits in 2\.0 s; 0 lost; 3 waits not followed: too many threads/,
  )
  t.regex(report, / 100\.0 % {2}100\.0 % {2}2\.50 s {2}a\n/)
  t.regex(report, / 100\.0 % {2}a, 3 calls deep\n/)
  t.notRegex(report, /Processes/)
  t.regex(
    formatProfile(profileResult({ stacks: [], samples: 0, processes: [] })),
    /\n\nNo samples: nothing ran/,
  )
})

test('the document has every frame once', t => {
  const document = JSON.parse(JSON.stringify(profileDocument(profileResult())))
  t.like(document, {
    format: 'ebpf-ts profile',
    version: 1,
    start: '2026-12-01T00:00:00.000Z',
    pid: null,
    samples: 40,
  })
  t.deepEqual(document.frames[1], { kind: 'jit', name: 'fib', file: '/a.js', line: 1 })
  t.deepEqual(document.stacks[1], { pid: 8, comm: 'sh', frames: [2, 3, 4], count: 10 })
})

test('hints name the options of Node.js', t => {
  const process = (parts: Partial<ProcessFrames>): ProcessFrames => ({
    pid: 7,
    comm: 'server',
    program: 'node',
    samples: 100,
    unnamed: 0,
    interpreted: 0,
    interpretedByName: 0,
    hasPerfMap: false,
    ...parts,
  })
  t.deepEqual(
    hintsOf([process({}), process({ hasPerfMap: true, interpreted: 50, interpretedByName: 40 })]),
    [],
  )
  const [without] = hintsOf([process({ unnamed: 60 })])
  t.regex(
    without!,
    /^process 7 \(node\) has no perf map: 60 % of .*NODE_OPTIONS="--perf-basic-prof --interpreted-frames-native-stack"$/,
  )
  const [interpreted] = hintsOf([process({ hasPerfMap: true, interpreted: 30 })])
  t.regex(interpreted!, /without --interpreted-frames-native-stack: in 30 % .*NODE_OPTIONS=/)
  t.regex(hintsOf([process({ program: 'java', unnamed: 60 })])[0]!, /has to write \/tmp\/perf-7\.map/)
})

test('wrong options are refused', t => {
  const refused: readonly [options: object, message: RegExp][] = [
    [{}, /give a duration, or a signal/],
    [{ duration: 0 }, /duration 0 is not a number/],
    [{ duration: Number.NaN }, /duration NaN/],
    [{ duration: 1, frequency: 1.5 }, /frequency 1\.5 is not an integer/],
    [{ duration: 1, frequency: -1 }, /frequency -1/],
    [{ duration: 1, mode: 'on' }, /"on" is not a mode/],
    [{ duration: 1, stacks: 'none' }, /stacks are/],
    [{ duration: 1, mode: 'off-cpu', frequency: 99 }, /takes neither frequency nor event/],
    [{ duration: 1, pid: 0 }, /0 is not the id of a process/],
    [{ duration: 1, signal: {} }, /not an AbortSignal/],
    [{ duration: 1, onProgress: 1 }, /onProgress/],
  ]
  for (const [options, message] of refused)
    t.throws(() => profileSettings(options as never), { message }, String(message))
  t.like(profileSettings({ duration: 1 }), {
    frequency: 99,
    mode: 'cpu',
    stacks: 'all',
    event: { event: 'cpu-clock' },
  })
})

test('numbers have units', t => {
  t.deepEqual([percent(1, 3), percent(0, 0), percent(1, 1)], ['33.3 %', '0.0 %', '100.0 %'])
  t.deepEqual(
    [time(12), time(1500), time(2.5e6), time(7.86e9), time(90e9)],
    ['12 ns', '1.50 µs', '2.50 ms', '7.86 s', '1.50 min'],
  )
  t.true(profileNotes(profileResult({ lost: 3 }))[0]!.includes('; 3 lost;'))
})

test('names of threads and programs reach the report escaped, on lines of their own', t => {
  const name = 'a\x1b[31m\n\x9b'
  const escaped = String.raw`a\x1b[31m\x0a\x9b`
  const stacks = [{ frames: [name, { name, kind: 'native' as const, file: `/${name}` }], count: 1 }]
  const processes = [1, 2].map(pid => ({ pid, name, samples: 1, value: 1 }))
  const counts = { samples: 10, unnamed: 10, interpreted: 0, interpretedByName: 0, hasPerfMap: false }
  const hints = hintsOf([{ pid: 1, comm: name, program: undefined, ...counts }])
  const report = formatProfile(profileResult({ pid: 1, stacks, processes, hints }))
  for (const each of ['\x1b', '\x9b']) t.false(report.includes(each))
  t.true(report.startsWith(`CPU, process 1 (${escaped})\n`), report)
  t.true(report.includes(`    1  ${escaped}\n`), report)
  t.true(report.includes(`  process 1 (${escaped}) has no perf map`), report)
})
