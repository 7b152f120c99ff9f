/**
 * The contenders in the kernel: three drivers with nothing attached, and the variants.
 *
 * @module
 */

import { setTimeout as sleep } from 'node:timers/promises'
import { kernelBtf } from '../kernel/btf.ts'
import type { Program } from '../programs/program.ts'
import { CALLS_PER_RUN, Driver, type DriverName, TARGET_KFUNC } from './driver.ts'
import type { Contender, Sample } from './rounds.ts'
import type { Variant } from './variants.ts'
import type { Workload } from './workload.ts'

/** Names of the rows with nothing attached, by driver. */
export const baseNames: Readonly<Record<DriverName, string>> = {
  loop: 'empty loop',
  helper: 'none (helper)',
  kfunc: 'none (kfunc)',
}

/** How many runs of the driver a sample takes. */
export type Repeats = { readonly fixed: number } | { readonly milliseconds: number }

/** A sample before the others, as the first of a series always is: caches, branch predictors, pages. */
const WARM_UP = 0.1
/** Runs of the driver that the time of one is estimated from. */
const TRIAL_RUNS = 20
const MAX_REPEAT = 10_000_000
/** Runs of the driver in which the kernel counts what the body does not. */
const COUNTED_RUNS = 100

/** The drivers of a round. They are loaded anew each round, so that where their code lies averages out. */
export class KernelRound implements Disposable {
  readonly #drivers = new Map<DriverName, Driver>()
  readonly #workload: Workload

  constructor(workload: Workload) {
    this.#workload = workload
  }

  /**
   * The driver of a name, loaded on first use.
   *
   * @throws BpfError when the kernel refuses it
   */
  driver(name: DriverName): Driver {
    let driver = this.#drivers.get(name)
    if (driver === undefined) {
      const kfunc = name === 'kfunc' ? kernelBtf().find(TARGET_KFUNC, 'func') : undefined
      driver = new Driver(name, this.#workload.counters, kfunc)
      this.#drivers.set(name, driver)
    }
    return driver
  }

  [Symbol.dispose](): void {
    for (const driver of this.#drivers.values()) driver[Symbol.dispose]()
  }
}

/** Takes samples of drivers, with or without something attached. */
export class KernelSampler {
  readonly #workload: Workload
  readonly #repeats: Repeats
  /** Runs of the driver per sample, by contender: the same in all rounds. */
  readonly #chosen = new Map<string, number>()

  constructor(workload: Workload, repeats: Repeats) {
    this.#workload = workload
    this.#repeats = repeats
  }

  /** The contender of a driver with nothing attached. */
  base(driver: DriverName): Contender<KernelRound> {
    const name = baseNames[driver]
    return { name, measure: round => this.#sample(name, round.driver(driver), 0) }
  }

  /** The contender of a variant. */
  variant(variant: Variant): Contender<KernelRound> {
    const { name, driver, hitsPerCall } = variant
    return {
      name,
      base: baseNames[driver],
      hitsPerCall,
      measure: async round => {
        using program = this.#workload.load(programName(name), variant.load)
        const sample = await this.#attached(variant, program, round.driver(driver))
        if (variant.settle !== undefined) await sleep(variant.settle)
        return sample
      },
    }
  }

  async #attached(variant: Variant, program: Program, driver: Driver): Promise<Sample> {
    const { link, note } = await variant.attach(program)
    try {
      const sample = this.#sample(variant.name, driver, variant.hitsPerCall, program)
      return note === undefined ? sample : { ...sample, note }
    } finally {
      link.close()
    }
  }

  #sample(name: string, driver: Driver, hitsPerCall: number, program?: Program): Sample {
    const workload = this.#workload
    const run = (repeat: number): { nanoseconds: number; calls: number } => {
      workload.reset()
      const nanoseconds = driver.run(repeat)
      return { nanoseconds, calls: workload.counted().runs * CALLS_PER_RUN }
    }
    let repeat = this.#chosen.get(name)
    if (repeat === undefined) {
      repeat = this.#choose(run, hitsPerCall)
      this.#chosen.set(name, repeat)
    }
    run(Math.ceil(repeat * WARM_UP))
    const sample = run(repeat)
    if (program === undefined) return sample
    if (workload.body.counts) {
      return { ...sample, hits: { expected: sample.calls * hitsPerCall, counted: workload.counted().hits } }
    }
    const hits = workload.countByKernel(program, () => run(COUNTED_RUNS).calls * hitsPerCall)
    return { ...sample, hits }
  }

  #choose(run: (repeat: number) => { nanoseconds: number }, hitsPerCall: number): number {
    const room = Math.floor(this.#workload.capacity / (CALLS_PER_RUN * Math.max(hitsPerCall, 1)))
    if ('fixed' in this.#repeats) return Math.min(this.#repeats.fixed, room)
    const nanosecondsPerRun = Math.max(run(TRIAL_RUNS).nanoseconds * CALLS_PER_RUN, 1)
    const wanted = Math.round((this.#repeats.milliseconds * 1e6) / nanosecondsPerRun)
    return Math.max(1, Math.min(wanted, room, MAX_REPEAT))
  }
}

/** Names of programs hold letters, digits and `_`. */
export function programName(name: string): string {
  return name.replace(/\W/g, '_')
}
