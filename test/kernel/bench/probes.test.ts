import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { readCandidates } from '../../../src/bench/attach-candidates.ts'
import { attachMethods, measureAttachTimes } from '../../../src/bench/attach-time.ts'
import { type BodyName, bodies } from '../../../src/bench/bodies.ts'
import {
  type MeasuredRow,
  measuredProbes,
  measuredRows,
  parseProbesDocument,
} from '../../../src/bench/document.ts'
import { CALLS_PER_RUN } from '../../../src/bench/driver.ts'
import { spoilers } from '../../../src/bench/environment.ts'
import { WARM_UP_CALLS } from '../../../src/bench/helper-code.ts'
import { listKprobes } from '../../../src/bench/kprobe-list.ts'
import { type BenchProbesOptions, benchProbes } from '../../../src/bench/probes.ts'
import { formatReport } from '../../../src/bench/report.ts'
import { chartSvg } from '../../../src/bench/svg.ts'
import { Helper, UserSampler, userVariants } from '../../../src/bench/user-space.ts'
import { type Variant, variants } from '../../../src/bench/variants.ts'
import { Workload } from '../../../src/bench/workload.ts'
import { features } from '../../../src/kernel/probes/features.ts'
import type { TraceableFunction } from '../../../src/symbols/traceable.ts'
import { kernelTest } from '../../support/kernel-test.ts'
import { probesOfKernel } from '../../support/leaks.ts'

const ROUNDS = 1
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

/** Every probe, and every function that ftrace traces, as far as the kernel shows. */
function listProbes(): string[] {
  return [...probesOfKernel(), ...enabledFunctions()]
}

function enabledFunctions(): string[] {
  try {
    return readFileSync('/sys/kernel/tracing/enabled_functions', 'latin1').trim().split('\n')
  } catch (error) {
    // A locked-down kernel keeps it from root too.
    if (['ENOENT', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) return []
    throw error
  }
}

/** Names of functions that have a probe of any kind. */
function probedFunctions(): Set<string> {
  const traced = enabledFunctions().flatMap(line => /^[^\s(]+/.exec(line)?.[0] ?? [])
  return new Set([...traced, ...(listKprobes() ?? []).map(({ symbol }) => symbol)])
}

/** What the kernel says of how it reaches a kprobe. */
const NOTES: Readonly<Record<string, RegExp>> = {
  kprobe: /^(ftrace|optimized|breakpoint)$/,
  'kprobe+offset': process.arch === 'arm64' ? /^\+\d+, breakpoint$/ : /^\+\d+, (optimized|breakpoint)$/,
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
      t.regex(row.note ?? '', NOTES[name] ?? /^$/)
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

const isPresent = ({ needs }: Pick<Variant, 'needs'>): boolean =>
  needs.every(({ feature }) => feature.probe() === 'yes')

for (const body of Object.keys(bodies) as BodyName[]) {
  kernelTest(`the body ${body} is the same code in every variant`, [], t => {
    using workload = new Workload(body)
    const tags = [...variants, ...userVariants()].filter(isPresent).map(({ load }) => {
      using program = workload.load('same', load)
      return program.info().tag
    })
    t.true(tags.length > 1)
    t.is(new Set(tags).size, 1, tags.join(' '))
  })

  // The tests of single variants run it.
  if (body === 'counter') continue
  kernelTest(`every variant in the kernel runs the body ${body} at every call`, [], async t => {
    // In user space they differ in the instruction below the probe, which has nothing to do with the body.
    const names = [...variants, ...userVariants().slice(0, 1)].filter(isPresent).map(({ name }) => name)
    const before = listProbes()
    const document = await benchProbes({ body, rounds: 1, repeat: 5, variants: names })
    t.deepEqual(listProbes(), before)
    const probes = measuredProbes(document)
    t.deepEqual(
      probes.map(({ name }) => name),
      names,
      formatReport(document),
    )
    for (const { name, hits } of probes) {
      t.is(hits.length, 1, name)
      t.true(hits[0]!.expected > 0)
      t.is(hits[0]!.counted, hits[0]!.expected, name)
    }
  })
}

kernelTest(
  'a sample writes no more records than the ring buffer has room for',
  [features.uprobe],
  async t => {
    using workload = new Workload('ringbuf', 1 << 16)
    using helper = new Helper()
    const sampler = new UserSampler(workload, { fixed: 10_000_000 })
    const [variant] = userVariants()
    const { hits } = await sampler.variant(variant!).measure({ helper, [Symbol.dispose]: () => {} })
    t.is(workload.capacity, 4095)
    t.deepEqual(hits, { expected: 4095, counted: 4095 })
  },
)

/** Functions that one call attaches to; where each takes a call of its own, some are enough. */
const MANY: Readonly<Record<string, number>> = { kprobe_multi: 500 }
const SOME = 10

/** Reading them takes an emulated machine long. */
let candidates: readonly TraceableFunction[] | undefined
function someFunctions(count: number): readonly TraceableFunction[] {
  candidates ??= readCandidates(Math.max(...Object.values(MANY)))
  return candidates.slice(0, count)
}

for (const { name, load, attach } of attachMethods) {
  const { needs } = variants.find(each => each.name === name)!
  const needed = ['tracefs', ...needs.map(each => each.feature)] as const

  kernelTest(`${name} is attached to exactly the functions that were chosen`, needed, t => {
    const before = probedFunctions()
    const count = MANY[name] ?? SOME
    const functions = someFunctions(count)
    t.is(functions.length, count)
    const programs = load(functions)
    t.teardown(() => {
      for (const program of programs) program.close()
    })
    const links = attach(programs, functions)
    const attached = [...probedFunctions()].filter(each => !before.has(each))
    for (const link of links) link.close()
    t.deepEqual(attached.sort(), functions.map(each => each.name).sort())
    t.deepEqual(probedFunctions(), before)
  })
}

kernelTest('attaching to many functions is timed, or has a reason', [], async t => {
  const before = listProbes()
  const functions = features.kprobe.probe() === 'yes' ? someFunctions(2) : []
  const times = await measureAttachTimes({ counts: [2, 10_000], functions })
  t.deepEqual(listProbes(), before)
  t.deepEqual(
    times.map(({ method, functions: count }) => [method, count]),
    attachMethods.flatMap(({ name }) => [2, 10_000].map(count => [name, count])),
  )
  for (const each of times) {
    const numbers = [each.loadMilliseconds, each.attachMilliseconds, each.detachMilliseconds]
    if (!isPresent(variants.find(({ name }) => name === each.method)!)) t.regex(each.reason!, /needs|refuses/)
    else if (each.functions === 2) t.true(each.reason === null && numbers.every(value => value! > 0))
    else t.is(each.reason, 'only 2 functions of this kernel are suitable')
  }
})

/** Runs the command line as it was compiled with the tests. */
function bench(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ['build/src/cli/main.js', 'bench', ...args], { encoding: 'utf8' })
}

kernelTest(
  'the command prints a document of ten rounds, draws a chart, and says on standard error what to mind and how far it is',
  [features.uprobe],
  t => {
    const directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-bench-test-'))
    t.teardown(() => rmSync(directory, { recursive: true }))
    const svg = join(directory, 'probes.svg')
    const { status, stdout, stderr } = bench(
      ...['probes', '--variant', 'uprobe-nop', '--time', '1', '--json', '--svg', svg],
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
    t.deepEqual(
      measuredRows(document).map(({ samples }) => samples.length),
      [10, 10],
    )
    const doubts = spoilers(document.environment).map(each => `ebpf-ts bench probes: ${each}\n`)
    const rounds = Array.from({ length: 10 }, (_, i) => `round ${i + 1} of 10\n`)
    t.is(stderr, [...doubts, ...rounds].join(''))
    t.is(readFileSync(svg, 'utf8'), chartSvg(document))
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
      errors += chunk
      if (!command.killed && errors.includes('round 1 ')) command.kill('SIGINT')
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
  t.regex(
    stderr,
    /^ebpf-ts bench probes: Cannot measure probes: this process lacks CAP_BPF, .*run as root\n$/,
  )
})
