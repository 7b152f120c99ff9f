/**
 * Builds and runs the twin: the same measurements in C over libbpf.
 *
 * @module
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Sample } from '../../src/bench/rounds.ts'

const SOURCES = 'bench/probes'
const OUTPUT = 'build/bench/probes'

/** Where the twin is once it is built. */
export const twinPaths = { program: join(OUTPUT, 'twin'), object: join(OUTPUT, 'twin.bpf.o') } as const

/** Variants that the twin knows; libbpf 1.1, which Debian 12 has, lacks sessions and uprobe_multi. */
export const twinVariants: readonly string[] = [
  'fentry',
  'fexit',
  'fmod_ret',
  'kprobe',
  'kprobe+offset',
  'kretprobe',
  'kprobe_multi',
  'kretprobe_multi',
  'raw_tp',
  'tp_btf',
  'tracepoint',
  'uprobe-nop',
  'uprobe-push',
  'uprobe-ret',
  'uprobe-nop5',
  'uretprobe-nop',
  'uretprobe-push',
  'uretprobe-ret',
  'uretprobe-nop5',
  'usdt-nop',
  'usdt-nop5',
]

/**
 * Compiles it, statically, so that it runs in a guest too.
 *
 * @throws Error when clang, a C compiler or libbpf-dev is missing, with what the compiler says
 */
export function buildTwin(): void {
  mkdirSync(OUTPUT, { recursive: true })
  const clang = ['clang', 'clang-19'].find(name => spawnSync(name, ['--version']).error === undefined)
  if (clang === undefined) throw new Error('Cannot build the twin: clang is not installed')
  const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64'
  const headers = `/usr/include/${machine}-linux-gnu`
  const bpf = ['-O2', '-g', '-target', 'bpf', '-mcpu=v2', `-I${headers}`]
  execFileSync(clang, [...bpf, '-c', join(SOURCES, 'twin.bpf.c'), '-o', twinPaths.object])
  const libraries = ['-lbpf', '-lelf', '-lz']
  execFileSync(
    'cc',
    ['-O2', '-Wall', '-static', join(SOURCES, 'twin.c'), ...libraries, '-o', twinPaths.program],
    {
      // The linker warns that getpwnam, which libelf never calls, does not work in static programs.
      stdio: ['ignore', 'inherit', 'pipe'],
    },
  )
}

/** What a round of the twin gave. */
export interface TwinRound {
  /** The kernel's hash of the body. */
  readonly tag: string | undefined
  readonly samples: ReadonlyMap<string, Sample>
}

/**
 * Runs a round.
 *
 * @param helper path of the helper program for uprobes
 * @param jobs names of rows, and how often each is repeated
 * @throws Error when it fails, with what it says
 */
export function runTwin(helper: string, jobs: ReadonlyMap<string, number>): TwinRound {
  const args = Array.from(jobs, ([name, repeat]) => `${name}:${repeat}`)
  const { status, stdout, stderr, error } = spawnSync(
    twinPaths.program,
    [twinPaths.object, helper, ...args],
    { encoding: 'utf8' },
  )
  if (error !== undefined) throw error
  if (status !== 0) throw new Error(`The twin ended with exit code ${status}: ${stderr}`)
  return parseTwinRound(stdout)
}

/** Reads what the twin prints. */
export function parseTwinRound(text: string): TwinRound {
  const samples = new Map<string, Sample>()
  let tag: string | undefined
  for (const line of text.trim().split('\n')) {
    const [name = '', nanoseconds, expected, counted] = line.split('\t')
    if (name === 'tag') tag = nanoseconds
    else {
      const hits = { expected: Number(expected), counted: Number(counted) }
      samples.set(name, { nanoseconds: Number(nanoseconds), calls: hits.expected, hits })
    }
  }
  return { tag, samples }
}
