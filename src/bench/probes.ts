/**
 * The benchmark: which variants the kernel has, rounds over them in the kernel and in user space, and a document of what
 * came out.
 *
 * @module
 */

import type { BpfErrorCode } from '../base/error-codes.ts'
import { BpfError, NotSupportedError } from '../base/errors.ts'
import { explainPrivileges, permissionFacts } from '../kernel/permission.ts'
import { type AttachTimesOptions, measureAttachTimes } from './attach-time.ts'
import type { BodyName } from './bodies.ts'
import { FORMAT, FORMAT_VERSION, type ProbesDocument, type Row, type Space } from './document.ts'
import { CALLS_PER_RUN, type DriverName } from './driver.ts'
import { type Environment, readEnvironment } from './environment.ts'
import { KernelRound, KernelSampler } from './kernel-space.ts'
import { type Contender, costOf, measureRounds, type Outcome } from './rounds.ts'
import { Helper, type UserRound, UserSampler, type UserVariant, userVariants } from './user-space.ts'
import { describeNeed, type Need, type Variant, variants } from './variants.ts'
import { Workload } from './workload.ts'

/** What to measure. */
export interface BenchProbesOptions {
  /** What the programs do. Default: `'counter'`. */
  body?: BodyName
  /** Rounds; fewer than ten say little. Default: 10. */
  rounds?: number
  /** Milliseconds that one sample should take. Default: 50. */
  milliseconds?: number
  /**
   * Runs of the driver (of 100 calls each) and calls of the helper program per sample, instead of as many as fit the
   * time. Default: none.
   */
  repeat?: number
  /** Names of variants. Default: all. */
  variants?: readonly string[]
  /** Whether to measure attaching to many functions too, or how. Default: `false`. */
  attachTimes?: boolean | AttachTimesOptions
  /** Told about the machine before anything is attached; `spoilers` says what of it would spoil the result. */
  onEnvironment?: (environment: Environment) => void
  /** Told what is about to be measured: `'round 3 of 10'`, `'kprobe'`. */
  onProgress?: (step: string, detail: string) => void
  /** Stops before the next measurement. */
  signal?: AbortSignal
}

/** What a variant is, for lists of them. */
export interface VariantDescription {
  readonly name: string
  readonly space: Space
  /** What happens at a hit, in a few words. */
  readonly summary: string
}

const DEFAULTS = { body: 'counter', rounds: 10, milliseconds: 50 } as const
const MAX_ROUNDS = 10_000

/** Every variant, those of the kernel first. */
export function listVariants(): VariantDescription[] {
  return [
    ...variants.map(({ name, summary }) => ({ name, summary, space: 'kernel' as const })),
    ...userVariants().map(({ name, summary }) => ({ name, summary, space: 'user' as const })),
  ]
}

/**
 * Measures what probes cost on the running kernel. What it lacks is a row with the reason. Needs root, or CAP_BPF,
 * CAP_PERFMON and CAP_NET_ADMIN; runs on 5.10 and later.
 *
 * @throws RangeError when a variant does not exist, or a number is out of range
 * @throws BpfError when the process may not use BPF, with what it lacks
 * @throws the signal's reason once it aborts; nothing stays attached then
 */
export async function benchProbes(options: BenchProbesOptions = {}): Promise<ProbesDocument> {
  const { body = DEFAULTS.body, rounds = DEFAULTS.rounds, repeat } = options
  const milliseconds = options.milliseconds ?? DEFAULTS.milliseconds
  requireCount('rounds', rounds, MAX_ROUNDS)
  requireCount('milliseconds', milliseconds, 60_000)
  if (repeat !== undefined) requireCount('repeat', repeat, 10_000_000)
  const chosen = chooseVariants(options.variants)
  requirePrivileges()
  const time = new Date().toISOString()
  const environment = readEnvironment()
  options.onEnvironment?.(environment)
  const progress = options.onProgress ?? (() => {})
  const onProgress = (round: number, name: string): void => progress(`round ${round} of ${rounds}`, name)

  const common = { rounds, onProgress, signal: options.signal }
  const repeats = repeat === undefined ? { milliseconds } : { fixed: repeat }
  const rows: Row[] = []
  using workload = new Workload(body)
  if (chosen.kernel.length > 0) {
    const { missing, present } = divide(chosen.kernel)
    const contenders = kernelContenders(present, new KernelSampler(workload, repeats))
    const openRound = (): KernelRound => new KernelRound(workload)
    rows.push(...rowsOf('kernel', contenders, await measureRounds(contenders, { ...common, openRound })))
    rows.push(...missingRows('kernel', missing))
  }
  if (chosen.user.length > 0) {
    const { missing, present } = divide(chosen.user)
    const contenders = userContenders(present, new UserSampler(workload, repeats))
    using helper = new Helper()
    // All rounds have the same helper: a new one would be the same pages at the same addresses.
    const openRound = (): UserRound => ({ helper, [Symbol.dispose]: () => {} })
    rows.push(...rowsOf('user', contenders, await measureRounds(contenders, { ...common, openRound })))
    rows.push(...missingRows('user', missing))
  }

  const attachTimes =
    options.attachTimes === undefined || options.attachTimes === false
      ? []
      : await measureAttachTimes({
          ...(options.attachTimes === true ? {} : options.attachTimes),
          onProgress: progress,
          signal: options.signal,
        })
  return {
    format: FORMAT,
    version: FORMAT_VERSION,
    time,
    settings: {
      body,
      rounds,
      milliseconds: repeat === undefined ? milliseconds : null,
      callsPerRun: CALLS_PER_RUN,
    },
    environment,
    rows: withRatios(rows),
    attachTimes,
  }
}

function requireCount(name: string, value: number, greatest: number): void {
  if (!Number.isInteger(value) || value < 1 || value > greatest) {
    throw new RangeError(`Cannot measure probes: ${name} ${value} is not from 1 to ${greatest}`)
  }
}

function requirePrivileges(): void {
  if (process.platform !== 'linux')
    throw new NotSupportedError('Measuring probes', undefined, { reason: 'it needs Linux' })
  const lacking = explainPrivileges(permissionFacts())
  if (lacking !== undefined) throw new BpfError(`Cannot measure probes: ${lacking}`, { code: 'EPERM' })
}

function chooseVariants(names: readonly string[] | undefined): {
  kernel: readonly Variant[]
  user: readonly UserVariant[]
} {
  const user = userVariants()
  if (names === undefined) return { kernel: variants, user }
  const known = new Set([...variants, ...user].map(({ name }) => name))
  const unknown = names.find(name => !known.has(name))
  if (unknown !== undefined) {
    throw new RangeError(`Cannot measure ${JSON.stringify(unknown)}: there are ${[...known].join(', ')}`)
  }
  return {
    kernel: variants.filter(({ name }) => names.includes(name)),
    user: user.filter(({ name }) => names.includes(name)),
  }
}

interface Missing {
  readonly name: string
  readonly reason: string
}

/** Parts variants into those that the kernel lacks for certain, with what it lacks, and the rest. */
function divide<T extends { readonly name: string; readonly needs: readonly Need[] }>(
  all: readonly T[],
): { missing: Missing[]; present: T[] } {
  const missing: Missing[] = []
  const present: T[] = []
  for (const each of all) {
    const lacking = each.needs.find(({ feature }) => feature.probe() === 'no')
    if (lacking === undefined) present.push(each)
    else {
      missing.push({ name: each.name, reason: describeNeed(lacking) })
    }
  }
  return { missing, present }
}

function missingRows(space: Space, missing: readonly Missing[]): Row[] {
  return missing.map(({ name, reason }) => ({ name, space, status: 'missing', reason }))
}

function kernelContenders(present: readonly Variant[], sampler: KernelSampler): Contender<KernelRound>[] {
  const drivers = new Set<DriverName>(['loop', 'helper', ...present.map(({ driver }) => driver)])
  return [
    ...Array.from(drivers, driver => sampler.base(driver)),
    ...present.map(variant => sampler.variant(variant)),
  ]
}

function userContenders(present: readonly UserVariant[], sampler: UserSampler): Contender<UserRound>[] {
  const targets = new Set(present.map(({ target }) => target))
  return [
    ...Array.from(targets, target => sampler.base(target)),
    ...present.map(variant => sampler.variant(variant)),
  ]
}

/**
 * Rows of contenders, in their order. One whose hits were wrong, or whose base has no number, has no number either.
 *
 * @param outcomes one for each contender
 */
export function rowsOf(
  space: Space,
  contenders: readonly Pick<Contender<never>, 'name' | 'base' | 'hitsPerCall'>[],
  outcomes: readonly Outcome[],
): Row[] {
  const byName = new Map(outcomes.map(outcome => [outcome.name, outcome]))
  return contenders.map(({ name, base, hitsPerCall = 1 }) => {
    const outcome = byName.get(name)!
    const below = base === undefined ? undefined : byName.get(base)
    const failure = outcome.failure ?? below?.failure
    if (outcome.samples === undefined || failure !== undefined) {
      const { reason, error } = failure!
      return { name, space, status: isMissing(error) ? 'missing' : 'failed', reason }
    }
    const { samples: costs, ...cost } = costOf(outcome.samples, below?.samples, hitsPerCall)
    const notes = new Set(outcome.samples.flatMap(({ note }) => (note === undefined ? [] : [note])))
    return {
      name,
      space,
      status: 'measured',
      base: base ?? null,
      hitsPerCall: base === undefined ? 0 : hitsPerCall,
      hits: outcome.samples.flatMap(({ hits }) => (hits === undefined ? [] : [hits])),
      nanosecondsPerCall: outcome.samples.map(({ nanoseconds }) => nanoseconds),
      samples: costs,
      cost,
      ratioToFentry: null,
      note: notes.size === 0 ? null : [...notes].join('; '),
    }
  })
}

/** What the kernel answers for what it does not have, or does not let anybody do. */
const ABSENT: ReadonlySet<BpfErrorCode> = new Set([
  'ENOTSUPP',
  'EOPNOTSUPP',
  'ENOSYS',
  'ENODEV',
  'ENOENT',
  'EPERM',
  'EACCES',
])

function isMissing(error: unknown): boolean {
  return error instanceof NotSupportedError || (error instanceof BpfError && ABSENT.has(error.code))
}

function withRatios(rows: readonly Row[]): Row[] {
  const reference = rows.find(row => row.name === 'fentry' && row.status === 'measured')
  const fentry = reference?.status === 'measured' ? reference.cost.median : 0
  // Noise can make a cost of nothing out of a short measurement.
  if (fentry <= 0) return [...rows]
  return rows.map(row =>
    row.status === 'measured' && row.base !== null
      ? { ...row, ratioToFentry: row.cost.median / fentry }
      : row,
  )
}
