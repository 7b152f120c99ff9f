import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { CALLS_PER_RUN } from '../../src/bench/driver.ts'
import { WARM_UP_CALLS } from '../../src/bench/helper-code.ts'
import {
  type BenchProbesOptions,
  type BodyName,
  benchProbes,
  bodies,
  formatReport,
  type MeasuredRow,
  measureAttachTimes,
  measuredRows,
  parseProbesDocument,
} from '../../src/bench/index.ts'
import { userVariants } from '../../src/bench/user-space.ts'
import { variants } from '../../src/bench/variants.ts'
import { Workload } from '../../src/bench/workload.ts'
import { features } from '../../src/kernel/index.ts'
import { kernelTest } from '../support/kernel-test.ts'
import { probesOfKernel } from '../support/probe-test.ts'

const ROUNDS = 2
const REPEAT = 20

/** Measures a variant and returns its row; fails when it left a probe in the kernel. */
async function measure(
  t: ExecutionContext,
  name: string,
  options: BenchProbesOptions = {},
): Promise<MeasuredRow> {
  const before = listProbes()
  const document = await benchProbes({ rounds: ROUNDS, repeat: REPEAT, ...options, variants: [name] })
  t.deepEqual(listProbes(), before)
  t.deepEqual(
    document.rows.filter(({ status }) => status !== 'measured'),
    [],
    formatReport(document),
  )
  t.deepEqual(document.settings, {
    body: options.body ?? 'counter',
    rounds: options.rounds ?? ROUNDS,
    milliseconds: null,
    callsPerRun: CALLS_PER_RUN,
  })
  const row = measuredRows(document).find(each => each.name === name)
  t.truthy(row)
  return row!
}

function listProbes(): string[] {
  return existsSync('/sys/kernel/debug/kprobes/list') ? probesOfKernel() : []
}

for (const { name, needs, hitsPerCall, driver } of variants) {
  const tracefs = name === 'tracepoint' ? (['tracefs'] as const) : []
  kernelTest(
    `the program attached as ${name} runs at every call`,
    [...needs.map(each => each.feature), ...tracefs],
    async t => {
      const row = await measure(t, name)
      const hits = REPEAT * CALLS_PER_RUN * hitsPerCall
      t.deepEqual(row.hits, new Array(ROUNDS).fill({ expected: hits, counted: hits }))
      t.is(row.hitsPerCall, hitsPerCall)
      t.is(row.base, `none (${driver})`)
      t.is(row.samples.length, ROUNDS)
      t.true(row.nanosecondsPerCall.every(each => each > 0))
      t.log(row.note ?? 'no choice')
    },
  )
}

for (const { name, needs, target } of userVariants()) {
  kernelTest(
    `the program attached as ${name} runs at every call`,
    needs.map(each => each.feature),
    async t => {
      const row = await measure(t, name)
      const hits = REPEAT + WARM_UP_CALLS
      t.deepEqual(row.hits, new Array(ROUNDS).fill({ expected: hits, counted: hits }))
      t.is(row.base, `none (${target})`)
    },
  )
}

kernelTest('the kernel says how it reaches a kprobe', [features.kprobe], async t => {
  const [entry, behind] = [await measure(t, 'kprobe'), await measure(t, 'kprobe+offset')]
  t.regex(entry.note ?? '', /^(ftrace|optimized|breakpoint)$/)
  t.regex(
    behind.note ?? '',
    process.arch === 'arm64' ? /^\+\d+, breakpoint$/ : /^\+\d+, (optimized|breakpoint)$/,
  )
})

for (const body of Object.keys(bodies) as BodyName[]) {
  kernelTest(
    `every run of the body ${body} is counted, by itself or by the kernel`,
    [features.uprobe],
    async t => {
      const { hits } = await measure(t, 'uprobe-nop', { body })
      t.is(hits.length, ROUNDS)
      for (const { expected, counted } of hits) {
        t.is(counted, expected)
        t.true(expected > WARM_UP_CALLS)
      }
    },
  )
}

for (const body of Object.keys(bodies) as BodyName[]) {
  kernelTest(`the body ${body} is the same code in every type of program`, [], t => {
    using workload = new Workload(body)
    const tags = (['kprobe', 'raw_tracepoint', 'tracepoint'] as const).map(type => {
      using program = workload.load('same', { type })
      return program.info().tag
    })
    t.deepEqual(new Set(tags).size, 1, tags.join(' '))
  })
}

kernelTest(
  'a sample writes no more records than the ring buffer has room for',
  [features.uprobe],
  async t => {
    using workload = new Workload('ringbuf')
    const { capacity } = workload
    const { hits } = await measure(t, 'uprobe-nop', { body: 'ringbuf', rounds: 1, repeat: 10_000_000 })
    t.deepEqual(hits, [{ expected: capacity, counted: capacity }])
  },
)

kernelTest('attaching to many functions is timed, or has a reason', [], async t => {
  const before = listProbes()
  const times = await measureAttachTimes({ counts: [1, 20], seconds: 60 })
  t.deepEqual(listProbes(), before)
  t.deepEqual(
    times.map(({ method, functions }) => [method, functions]),
    ['kprobe_multi', 'kprobe', 'fentry'].flatMap(method => [1, 20].map(functions => [method, functions])),
  )
  for (const { method, attachMilliseconds, detachMilliseconds, reason } of times) {
    t.is(attachMilliseconds === null, reason !== null, `${method}: ${reason}`)
    t.is(detachMilliseconds === null, reason !== null)
  }
})

kernelTest(
  'attaching to twenty functions works with every way that the kernel has',
  ['tracefs', features.kprobe],
  async t => {
    const times = await measureAttachTimes({ counts: [20] })
    const reasons = Object.fromEntries(times.map(({ method, reason }) => [method, reason]))
    t.is(reasons.kprobe, null)
    if (features.kprobeMulti.probe() === 'yes') t.is(reasons.kprobe_multi, null)
    if (features.trampoline.probe() === 'yes') t.is(reasons.fentry, null)
  },
)

/** Runs the command line as it was compiled with the tests. */
function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['build/src/cli/main.js', 'bench', ...args], { encoding: 'utf8' })
}

kernelTest(
  'the command prints a document, and says on standard error how far it is',
  [features.uprobe],
  t => {
    const { status, stdout, stderr } = bench(
      'probes',
      '--variant',
      'uprobe-nop',
      '--rounds',
      '2',
      '--time',
      '1',
      '--json',
    )
    t.is(status, 0, stderr)
    const document = parseProbesDocument(stdout, 'standard output')
    t.deepEqual(
      document.rows.map(({ name, status }) => [name, status]),
      [
        ['none (nop)', 'measured'],
        ['uprobe-nop', 'measured'],
      ],
    )
    t.is(stderr, 'round 1 of 2\nround 2 of 2\n')
  },
)

kernelTest(
  'Ctrl-C ends the command with exit code 1, and leaves no file behind',
  [features.uprobe],
  async t => {
    const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-bench-test-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    const command = spawn(
      process.execPath,
      ['build/src/cli/main.js', 'bench', 'probes', '--variant', 'uprobe-nop', '--rounds', '9999'],
      {
        env: { ...process.env, TMPDIR: directory },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    const exit = once(command, 'exit')
    let errors = ''
    command.stderr.setEncoding('utf8').on('data', chunk => {
      if (errors === '') command.kill('SIGINT')
      errors += chunk
    })
    const [code] = await exit
    t.is(code, 1, errors)
    t.regex(errors, /^stopped$/m)
    t.deepEqual(readdirSync(directory), [])
  },
)

kernelTest('without privileges the command says which are missing', [], t => {
  const { status, stderr } = spawnSync(process.execPath, ['build/src/cli/main.js', 'bench', 'probes'], {
    encoding: 'utf8',
    uid: 65534,
    gid: 65534,
  })
  t.is(status, 1, stderr)
  t.regex(stderr, /^ebpf-ts bench: Cannot measure probes: this process lacks CAP_BPF, .*run as root\n$/)
})
