/**
 * Interleaved rounds: every round goes through all contenders once, so that what drifts (heat, neighbours, the CPU's
 * frequency) reaches all of them, and each one is compared with the base of its own round. Nothing here knows probes.
 *
 * @module
 */

import { type Summary, summarize } from './statistics.ts'

/** One measurement. */
export interface Sample {
  /** Nanoseconds per call of the target. */
  readonly nanoseconds: number
  /** Calls of the target that were timed. */
  readonly calls: number
  /** Runs of the attached program: as many as there must be, and as many as were counted. */
  readonly hits?: Hits
  /** What the kernel chose at this attachment, such as how it reaches a kprobe. */
  readonly note?: string
}

/** How often a program must have run, and how often it did. */
export interface Hits {
  readonly expected: number
  readonly counted: number
}

/** Something that is measured once a round. */
export interface Contender<Scope> {
  readonly name: string
  /** Contender whose time per call is subtracted; none for what is a base itself. */
  readonly base?: string
  /** Runs of the program per call of the target. Default: 1. */
  readonly hitsPerCall?: number
  /** Takes a sample, leaving nothing attached behind. */
  readonly measure: (scope: Scope) => Sample | Promise<Sample>
}

/** The outcome of a contender: samples of all rounds, or the reason for their absence. */
export type Outcome =
  | { readonly name: string; readonly samples: readonly Sample[]; readonly failure?: undefined }
  | { readonly name: string; readonly failure: Failure; readonly samples?: undefined }

/** Why a contender has no number. */
export interface Failure {
  readonly reason: string
  /** What was thrown; `undefined` when it was measured, but the hits were wrong. */
  readonly error?: unknown
}

/** How to go through the rounds. */
export interface RoundsOptions<Scope> {
  readonly rounds: number
  /** Makes what the contenders of a round share; it is disposed of after the round. */
  readonly openRound: () => Scope & Disposable
  /** Told before each measurement; rounds count from 1. */
  readonly onProgress?: (round: number, name: string) => void
  /** Stops before the next measurement. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Measures the contenders in rounds A-B-C, A-B-C. One that fails, or whose hits are not exactly those expected, is left
 * out of the rounds that follow: it has no number then, but the reason.
 *
 * @throws the signal's reason once it aborts; nothing stays attached then
 */
export async function measureRounds<Scope>(
  contenders: readonly Contender<Scope>[],
  options: RoundsOptions<Scope>,
): Promise<Outcome[]> {
  const samples = new Map<string, Sample[]>(contenders.map(({ name }) => [name, []]))
  const failures = new Map<string, Failure>()
  for (let round = 1; round <= options.rounds; round++) {
    using scope = options.openRound()
    for (const { name, measure } of contenders) {
      if (failures.has(name)) continue
      options.onProgress?.(round, name)
      // Measurements block: this is when timers, output and signals have their turn.
      await new Promise(setImmediate)
      options.signal?.throwIfAborted()
      try {
        const sample = await measure(scope)
        const wrong = wrongHits(sample)
        if (wrong === undefined) samples.get(name)!.push(sample)
        else failures.set(name, { reason: wrong })
      } catch (error) {
        failures.set(name, { reason: (error as Error).message, error })
      }
    }
  }
  return contenders.map(({ name }) => {
    const failure = failures.get(name)
    return failure === undefined ? { name, samples: samples.get(name)! } : { name, failure }
  })
}

function wrongHits({ hits }: Sample): string | undefined {
  if (hits === undefined || hits.counted === hits.expected) return undefined
  const difference = hits.counted - hits.expected
  return difference > 0
    ? `the program ran ${difference} times more than the ${hits.expected} expected: another process calls the target`
    : `the program ran ${-difference} times less than the ${hits.expected} expected: the kernel missed hits`
}

/** Costs of a contender: one per round, and what they amount to. */
export interface Cost extends Summary {
  /** Nanoseconds per hit, in the order of the rounds; what is a base has its nanoseconds per call here. */
  readonly samples: readonly number[]
}

/**
 * Cost per hit: `(attached - base) / hits`, each sample with the base of its own round.
 *
 * @param base samples to subtract; none for a base itself
 * @throws RangeError when there is not one sample of the base for each
 */
export function costOf(
  samples: readonly Sample[],
  base: readonly Sample[] | undefined,
  hitsPerCall = 1,
): Cost {
  if (base !== undefined && base.length !== samples.length) {
    throw new RangeError(`Cannot compute costs: ${base.length} samples of the base for ${samples.length}`)
  }
  const costs = samples.map(
    ({ nanoseconds }, i) => (nanoseconds - (base?.[i]?.nanoseconds ?? 0)) / hitsPerCall,
  )
  return { ...summarize(costs), samples: costs }
}
