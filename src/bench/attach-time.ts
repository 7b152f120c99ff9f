/**
 * How long it takes to attach to many functions, and to detach: one kprobe_multi link, single kprobes, fentry programs.
 *
 * @module
 */

import { performance } from 'node:perf_hooks'
import { exit, mov, r0 } from '../asm/index.ts'
import type { Btf, BtfKind } from '../btf/index.ts'
import {
  KernelSymbols,
  kernelBtf,
  kprobeBlacklist,
  type TraceableFunction,
  traceableFunctions,
} from '../kernel/index.ts'
import { fentry, kprobe, kprobeMulti, type Link } from '../links/index.ts'
import { Program, type ProgramSpec } from '../programs/index.ts'
import type { AttachTime } from './document.ts'
import { quantile } from './statistics.ts'
import { describeNeed, variants } from './variants.ts'

/** How to measure attaching. */
export interface AttachTimesOptions {
  /** Numbers of functions. Default: 1, 100, 1000, 10000. */
  counts?: readonly number[]
  /** Seconds that one number of functions may take with one method, as the numbers before it let expect. Default: 60. */
  seconds?: number
  /** Told what is about to be measured: `'attach to 100 functions'`, `'kprobe'`. */
  onProgress?: (step: string, detail: string) => void
  /** Stops before the next measurement. */
  signal?: AbortSignal | undefined
}

const COUNTS = [1, 100, 1000, 10_000] as const
const SECONDS = 60

/** Returns a number, so that its program can be loaded as any kind. */
const NOTHING: ProgramSpec['instructions'] = [mov(r0, 0), exit()]

/**
 * Functions that are at work while others are patched, or so often that attaching to them would measure them: those of
 * tracing, locking, scheduling, timekeeping, interrupts and memory.
 */
const BUSY =
  /rcu|trac|probe|bpf|perf|lock|mutex|sem_|sched|irq|nmi|time|tick|clock|preempt|percpu|slab|alloc|free|page|text_poke|^__x64_|^__arm64_|^__ia32_|^do_|sys_|entry|fault|kthread|work|wake|signal/

/** How functions are attached to, each with what it must do before and after. */
interface Method {
  readonly name: string
  readonly variant: string
  /** Loads what `attach` needs. */
  readonly load: (functions: readonly TraceableFunction[]) => readonly Program[]
  readonly attach: (programs: readonly Program[], functions: readonly TraceableFunction[]) => readonly Link[]
}

const methods: readonly Method[] = [
  {
    name: 'kprobe_multi',
    variant: 'kprobe_multi',
    load: () => [load({ type: 'kprobe', expectedAttachType: 'trace_kprobe_multi' })],
    // By address: looking up names takes the library longer than the kernel takes to attach.
    attach: ([program], functions) => [
      kprobeMulti(program!, { addresses: functions.flatMap(({ address }) => address ?? []) }),
    ],
  },
  {
    name: 'kprobe',
    variant: 'kprobe',
    load: () => [load({ type: 'kprobe' })],
    attach: ([program], functions) => collect(functions, ({ name }) => kprobe(program!, name)),
  },
  {
    name: 'fentry',
    variant: 'fentry',
    load: functions =>
      collect(functions, ({ name }) =>
        load({ type: 'tracing', expectedAttachType: 'trace_fentry', attachTarget: name }),
      ),
    attach: programs => collect(programs, program => fentry(program)),
  },
]

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

/**
 * Functions to attach to, evenly spread over the kernel: traceable, with a name of their own, in the kernel's BTF, and
 * idle.
 *
 * @param count greatest number of them
 */
export function attachCandidates(
  traceable: readonly TraceableFunction[],
  isSuitable: (name: string) => boolean,
  count: number,
): TraceableFunction[] {
  const seen = new Map<string, number>()
  for (const { name } of traceable) seen.set(name, (seen.get(name) ?? 0) + 1)
  const suitable = traceable.filter(
    ({ name, module }) =>
      module === undefined &&
      seen.get(name) === 1 &&
      /^\w+$/.test(name) &&
      !BUSY.test(name) &&
      isSuitable(name),
  )
  const step = Math.max(suitable.length / count, 1)
  return Array.from({ length: Math.min(count, suitable.length) }, (_, i) => suitable[Math.floor(i * step)]!)
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
  const { counts = COUNTS, seconds = SECONDS, onProgress, signal } = options
  const results: AttachTime[] = []
  let candidates: readonly TraceableFunction[] | undefined
  for (const { name, variant, ...method } of methods) {
    const lacking = variants
      .find(each => each.name === variant)
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

function readCandidates(count: number): TraceableFunction[] {
  const blacklist = kprobeBlacklist()
  const btf = kernelBtf()
  const isSuitable = (name: string): boolean => {
    const [id, ...others] = btf.findAll(name, 'func')
    return id !== undefined && others.length === 0 && !blacklist.has(name) && hasPlainArguments(btf, id)
  }
  const candidates = attachCandidates(traceableFunctions(), isSuitable, count)
  const starts = new Map<string, bigint>()
  for (const { name, address } of KernelSymbols.read().functions()) starts.set(name, address)
  // What the kernel lists, from 6.5 on, is the trace site, which may lie behind the start.
  return candidates.map(each => ({ ...each, address: starts.get(each.name) }))
}

/** Arguments that every trampoline can pass on, in registers. */
const MAX_ARGUMENTS = 5
const PLAIN: ReadonlySet<BtfKind> = new Set<BtfKind>(['int', 'ptr', 'enum', 'enum64'])

/** Whether fentry programs can be attached to a function: no structures by value, no `...`. */
function hasPlainArguments(btf: Btf, id: number): boolean {
  const type = btf.type(id)
  const prototype = type.kind === 'func' ? btf.type(type.type) : type
  if (prototype.kind !== 'func_proto' || prototype.params.length > MAX_ARGUMENTS) return false
  const isPlain = (each: number): boolean => {
    const resolved = btf.resolve(each)
    return PLAIN.has(btf.kind(resolved)) && btf.sizeOf(resolved) <= 8
  }
  return (
    prototype.params.every(each => isPlain(each.type)) && (prototype.type === 0 || isPlain(prototype.type))
  )
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
  method: Pick<Method, 'load' | 'attach'>,
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
  method: Pick<Method, 'load' | 'attach'>,
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
