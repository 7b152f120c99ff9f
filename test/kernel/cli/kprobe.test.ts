import { mkdirSync, rmdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { u32, u64 } from '../../../src/base/codecs.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import { listProbeEvents } from '../../../src/links/hooks/perf-event/probe-event.ts'
import { Link } from '../../../src/links/link.ts'
import { BpfMap } from '../../../src/maps/map.ts'
import { Program } from '../../../src/programs/program.ts'
import { HOSTILE, obeyed } from '../../support/cli/hostile.ts'
import { runCli, startCli } from '../../support/cli/process.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { objectPath } from '../../support/objects.ts'
import { eventually } from '../../support/poll.ts'

const OBJECT = objectPath('legacy-prog')
/** Every mkdir in a file system calls it once, on every architecture. */
const FUNCTION = 'vfs_mkdir'
const CALLS = '/sys/fs/bpf/tc/globals/legacy_calls'
const TOTAL = '/sys/fs/bpf/legacy_total'

/** Makes a directory some times. */
function makeDirectories(times: number): void {
  for (let i = 0; i < times; i++) {
    const path = join(tmpdir(), `ebpf-ts-${process.pid}`)
    mkdirSync(path)
    rmdirSync(path)
  }
}

/** Calls of this process that a pinned map knows of. */
function countedCalls(): bigint {
  using calls = BpfMap.loadPinned(CALLS).typed(u32, u64)
  return calls.get(process.pid) ?? 0n
}

/** Removes the pins, whose paths the object names, at the end of a test; those that a killed run left, at its beginning. */
function removePins(t: ExecutionContext): void {
  const remove = (): void => {
    for (const path of [CALLS, TOTAL]) rmSync(path, { force: true })
  }
  remove()
  t.teardown(remove)
}

/** Programs, links and events like those that the command makes, of any process. */
function likeOurs(): string[] {
  const programs = [...Program.list()].map(program => {
    using each = program
    return `${each.name} ${each.id}`
  })
  const links = [...Link.list()].map(link => {
    using each = link
    return `${each.info().type} ${each.id}`
  })
  return [
    ...programs.filter(each => each.startsWith('count_calls ')),
    ...links.filter(each => each.startsWith('perf_event ')),
    ...listProbeEvents().map(({ group, name }) => `${group}/${name}`),
  ]
}

/** Returns a function that says what the command has left behind since now. */
function watchRemains(): () => string[] {
  const before = new Set(likeOurs())
  return () => likeOurs().filter(each => !before.has(each))
}

for (const [signal, mode] of [
  ['SIGINT', 'auto'],
  ['SIGTERM', 'perf'],
  ['SIGHUP', 'legacy'],
] as const) {
  kernelTest(
    `kprobe --mode ${mode}: counts in a pinned map, and ${signal} ends it with nothing left`,
    [features.kprobe, 'bpffs', 'tracefs'],
    async t => {
      removePins(t)
      const remains = watchRemains()
      const command = await startCli(['kprobe', OBJECT, FUNCTION, '--mode', mode])
      t.is(command.firstLine, 'Running.')
      makeDirectories(5)
      t.is(countedCalls(), 5n)
      t.is(remains().filter(each => each.includes('/')).length, mode === 'legacy' ? 1 : 0)
      const { code, stdout, stderr } = await command.stop(signal)
      t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: 'Running.\nTerminate.\n', stderr: '' })
      t.true(await eventually(() => remains().length === 0), remains().join(', '))
      makeDirectories(1)
      t.is(countedCalls(), 5n, 'the map stays, the program is gone')
    },
  )
}

kernelTest(
  'kprobe: pinned maps are used again by the next run',
  [features.kprobe, 'bpffs', 'tracefs'],
  async t => {
    removePins(t)
    const ids: number[] = []
    for (const times of [2, 3]) {
      const command = await startCli(['kprobe', OBJECT, FUNCTION])
      makeDirectories(times)
      using total = BpfMap.loadPinned(TOTAL)
      ids.push(total.id)
      t.is((await command.stop('SIGINT')).code, 0)
    }
    t.is(countedCalls(), 5n)
    t.is(ids[0], ids[1])
  },
)

kernelTest(
  'kprobe --return --json: says what runs, in one document per line',
  [features.kprobe, 'bpffs', 'tracefs'],
  async t => {
    removePins(t)
    const command = await startCli(['kprobe', OBJECT, FUNCTION, '--return', '--json'])
    makeDirectories(4)
    t.is(countedCalls(), 4n)
    using calls = BpfMap.loadPinned(CALLS)
    const { stdout } = await command.stop('SIGTERM')
    const [running, terminated] = stdout
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line))
    t.like(running, { state: 'running', function: FUNCTION, return: true })
    t.is(running.program.name, 'count_calls')
    t.deepEqual(
      running.maps.map(({ name, pin }: { name: string; pin: string | null }) => [name, pin]),
      [
        ['legacy_calls', CALLS],
        ['legacy_total', TOTAL],
        ['legacy_last', null],
      ],
    )
    t.is(running.maps[0].id, calls.id)
    t.deepEqual(terminated, { state: 'terminated' })
  },
)

kernelTest('kprobe: a function that does not exist is named', [features.kprobe, 'bpffs', 'tracefs'], t => {
  removePins(t)
  const remains = watchRemains()
  const { code, stdout, stderr } = runCli(['kprobe', OBJECT, 'no_such_function'])
  t.deepEqual([code, stdout], [1, ''])
  t.regex(stderr, /^ebpf-ts kprobe: Cannot .*no_such_function.*no such function exists/)
  t.deepEqual(remains(), [])
})

for (const options of [[], ['--mode', 'legacy']]) {
  kernelTest(
    `kprobe: a hostile function name reaches the terminal escaped: ${options.join(' ')}`,
    [features.kprobe, 'bpffs', 'tracefs'],
    t => {
      removePins(t)
      const remains = watchRemains()
      const { code, stdout, stderr } = runCli(['kprobe', OBJECT, HOSTILE, ...options])
      t.deepEqual([code, stdout], [2, ''])
      t.deepEqual(obeyed(stderr), [])
      t.regex(stderr, /^ebpf-ts kprobe: .*(\\x1b|\\u001b)/)
      t.notRegex(stderr, /^\s+at /m)
      t.deepEqual(remains(), [])
    },
  )
}

kernelTest('kprobe: without privileges it says so', ['bpffs'], t => {
  const { code, stdout, stderr } = runCli(['kprobe', OBJECT, FUNCTION], { uid: 65534, gid: 65534 })
  t.deepEqual([code, stdout], [1, ''])
  t.regex(
    stderr,
    /^ebpf-ts kprobe: Cannot .*\(E(?:PERM|ACCES)\): (?:this process lacks CAP_BPF.*; run as root|user 65534 lacks CAP_DAC_OVERRIDE;.*)\n$/,
  )
})

for (const [what, args, code, stderr] of [
  ['a missing object', ['/none.o', FUNCTION], 1, 'Cannot read /none.o: ENOENT: no such file or directory'],
  [
    'an object without section prog',
    [objectPath('legacy-maps'), FUNCTION],
    1,
    `Cannot run ${objectPath('legacy-maps')}: it has no program in section prog; its programs are in socket`,
  ],
  ['no function', [OBJECT], 2, 'FUNCTION is missing'],
  [
    'an unknown mode',
    [OBJECT, FUNCTION, '--mode', 'fast'],
    2,
    '--mode needs one of auto, link, perf, legacy, not "fast"',
  ],
] as const) {
  kernelTest(`kprobe: ${what} is an error with exit code ${code}`, [], t => {
    const result = runCli(['kprobe', ...args])
    t.deepEqual([result.code, result.stdout], [code, ''])
    t.true(result.stderr.startsWith(`ebpf-ts kprobe: ${stderr}`), result.stderr)
  })
}

kernelTest('kprobe --help lists the options and the exit codes', [], t => {
  const { code, stdout } = runCli(['kprobe', '--help'])
  t.is(code, 0)
  for (const each of ['--return', '--mode', '--json', 'Exit code']) t.true(stdout.includes(each), each)
})
