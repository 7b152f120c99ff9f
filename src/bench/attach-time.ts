/**
 * How long it takes to attach to many functions, and to detach: one kprobe_multi link, single kprobes, fentry programs.
 *
 * @module
 */

import { performance } from 'node:perf_hooks'
import { mov } from '../asm/alu.ts'
import { exit } from '../asm/jumps.ts'
import { r0 } from '../asm/registers.ts'
import { kprobe } from '../links/hooks/kernel-probes/kprobe.ts'
import { type KprobeMultiOptions, kprobeMulti } from '../links/hooks/kernel-probes/kprobe-multi.ts'
import { fentry } from '../links/hooks/tracing/fentry.ts'
import type { Link } from '../links/link.ts'
import { Program } from '../programs/program.ts'
import type { ProgramSpec } from '../programs/spec.ts'
import type { TraceableFunction } from '../symbols/traceable.ts'
import { readCandidates } from './attach-candidates.ts'
import type { AttachTime } from './document.ts'
import { quantile } from './statistics.ts'
import { describeNeed, variants } from './variants.ts'

/** How to measure attaching. */
export interface AttachTimesOptions {
  /** Numbers of functions. Default: 1, 100, 1000, 10000. */
  counts?: readonly number[]
  /** Functions to attach to, the first of them first. Default: idle ones, evenly spread over the kernel. */
  functions?: readonly TraceableFunction[]
  /** Seconds that one number of functions may take with one method, as the numbers before it let expect. Default: 60. */
  seconds?: number
  /** Told what is about to be measured: `'attach to 100 functions'`, `'kprobe'`. */
  onProgress?: (step: string, detail: string) => void
  /** Stops before the next measurement. */
  signal?: AbortSignal | undefined
}

/** Numbers of functions that attaching is timed with. */
export const ATTACH_COUNTS: readonly number[] = [1, 100, 1000, 10_000]
const SECONDS = 60

/** Returns a number, so that its program can be loaded as any kind. */
const NOTHING: ProgramSpec['instructions'] = [mov(r0, 0), exit()]

/** A way to attach to many functions. */
export interface AttachMethod {
  /** Name of the variant. */
  readonly name: string
  /** Loads what `attach` needs. */
  readonly load: (functions: readonly TraceableFunction[]) => readonly Program[]
  readonly attach: (programs: readonly Program[], functions: readonly TraceableFunction[]) => readonly Link[]
}

/** The ways that are timed. */
export const attachMethods: readonly AttachMethod[] = [
  {
    name: 'kprobe_multi',
    load: () => [load({ type: 'kprobe', expectedAttachType: 'trace_kprobe_multi' })],
    attach: ([program], functions) => [kprobeMulti(program!, multiTargets(functions))],
  },
  {
    name: 'kprobe',
    load: () => [load({ type: 'kprobe' })],
    attach: ([program], functions) => collect(functions, ({ name }) => kprobe(program!, name)),
  },
  {
    name: 'fentry',
    load: functions =>
      collect(functions, ({ name }) =>
        load({ type: 'tracing', expectedAttachType: 'trace_fentry', attachTarget: name }),
      ),
    attach: programs => collect(programs, program => fentry(program)),
  },
]

/** By address: looking up names takes longer than attaching. Addresses are 0 where `kptr_restrict` hides them. */
function multiTargets(functions: readonly TraceableFunction[]): KprobeMultiOptions {
  const addresses = functions.flatMap(({ address }) => (address ? [address] : []))
  return addresses.length === functions.length
    ? { addresses }
    : { symbols: functions.map(({ name }) => name) }
}

function load(spec: Pick<ProgramSpec, 'type' | 'expectedAttachType' | 'attachTarget'>): Program {
  return Program.load({ name: 'attach_time', license: 'GPL', ...spec, instructions: NOTHING })
}

/** Makes one of each; when one fails, those before it are disposed of. */
function collect<T, U extends Disposable>(items: readonly T[], make: (item: T) => U): U[] {
  const made: U[] = []
  try {
    for (const item of items) made.push(make(item))
    return made
  } catch (error) {
    dispose(made)
    throw error
  }
}

function dispose(all: readonly Disposable[]): void {
  for (const each of all) each[Symbol.dispose]()
}

/** How long loading, attaching and detaching took together. */
export interface Total {
  readonly functions: number
  readonly milliseconds: number
}

/**
 * How long more functions will take, on the line through the last two measurements; 0 when there are not two yet: what
 * the first one takes is mostly the same for any number.
 */
export function expectedMilliseconds(totals: readonly Total[], functions: number): number {
  const [first, second] = totals.slice(-2)
  if (first === undefined || second === undefined) return 0
  const perFunction = (second.milliseconds - first.milliseconds) / (second.functions - first.functions)
  return second.milliseconds + Math.max(perFunction, 0) * (functions - second.functions)
}

/**
 * Measures attaching and detaching. What the kernel lacks, refuses, or would take too long for, has the reason instead
 * of a number.
 */
export async function measureAttachTimes(options: AttachTimesOptions = {}): Promise<AttachTime[]> {
  const { counts = ATTACH_COUNTS, seconds = SECONDS, onProgress, signal } = options
  const results: AttachTime[] = []
  let candidates = options.functions
  for (const { name, ...method } of attachMethods) {
    const lacking = variants
      .find(each => each.name === name)
      ?.needs.find(({ feature }) => feature.probe() === 'no')
    const totals: Total[] = []
    for (const functions of counts) {
      const expected = expectedMilliseconds(totals, functions)
      let result: AttachTime
      if (lacking !== undefined) result = unmeasured(name, functions, describeNeed(lacking))
      else if (expected > seconds * 1000) {
        result = unmeasured(name, functions, `it would take some ${Math.round(expected / 1000)} s`)
      } else {
        onProgress?.(`attach to ${functions} functions`, name)
        // Measurements block: this is when timers, output and signals have their turn.
        await new Promise(setImmediate)
        signal?.throwIfAborted()
        try {
          candidates ??= readCandidates(Math.max(...counts))
          result = measure(name, method, candidates.slice(0, functions), functions)
        } catch (error) {
          result = unmeasured(name, functions, (error as Error).message)
        }
      }
      const { loadMilliseconds, attachMilliseconds, detachMilliseconds } = result
      if (attachMilliseconds !== null) {
        const milliseconds = attachMilliseconds + (loadMilliseconds ?? 0) + (detachMilliseconds ?? 0)
        totals.push({ functions, milliseconds })
      }
      results.push(result)
    }
  }
  return results
}

/** Measurements of which the medians are taken, unless they take too long. */
const SAMPLES = 5
const SAMPLES_MILLISECONDS = 2000

interface Times {
  readonly load: number
  readonly attach: number
  readonly detach: number
}

function measure(
  name: string,
  method: Pick<AttachMethod, 'load' | 'attach'>,
  functions: readonly TraceableFunction[],
  wanted: number,
): AttachTime {
  if (functions.length < wanted) {
    return unmeasured(name, wanted, `only ${functions.length} functions of this kernel are suitable`)
  }
  const samples: Times[] = []
  const start = performance.now()
  do samples.push(measureOnce(method, functions))
  while (samples.length < SAMPLES && performance.now() - start < SAMPLES_MILLISECONDS)
  const median = (key: keyof Times): number =>
    quantile(
      samples.map(each => each[key]),
      0.5,
    )
  return {
    method: name,
    functions: wanted,
    loadMilliseconds: median('load'),
    attachMilliseconds: median('attach'),
    detachMilliseconds: median('detach'),
    reason: null,
  }
}

function measureOnce(
  method: Pick<AttachMethod, 'load' | 'attach'>,
  functions: readonly TraceableFunction[],
): Times {
  const start = performance.now()
  const programs = method.load(functions)
  try {
    const loaded = performance.now()
    const links = method.attach(programs, functions)
    const attached = performance.now()
    dispose(links)
    return { load: loaded - start, attach: attached - loaded, detach: performance.now() - attached }
  } finally {
    dispose(programs)
  }
}

function unmeasured(method: string, functions: number, reason: string): AttachTime {
  return {
    method,
    functions,
    loadMilliseconds: null,
    attachMilliseconds: null,
    detachMilliseconds: null,
    reason,
  }
}
