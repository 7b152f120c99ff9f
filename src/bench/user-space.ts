/**
 * The contenders in user space: uprobes on the functions of a small helper program, which times its own loop.
 *
 * Source: tools/testing/selftests/bpf/benchs/run_bench_uprobes.sh, whose targets these are.
 *
 * @module
 */

import { execFileSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NotSupportedError } from '../base/errors.ts'
import { uprobe, uretprobe } from '../links/hooks/user-probes/uprobe.ts'
import { uprobeMulti } from '../links/hooks/user-probes/uprobe-multi.ts'
import type { Link } from '../links/link.ts'
import type { Program } from '../programs/program.ts'
import type { ProgramSpec } from '../programs/spec.ts'
import { type HelperArchitecture, type HelperFunction, helperCode, WARM_UP_CALLS } from './helper-code.ts'
import { helperFile } from './helper-file.ts'
import { programName, type Repeats } from './kernel-space.ts'
import type { Contender, Sample } from './rounds.ts'
import { type Need, needOf } from './variants.ts'
import type { Workload } from './workload.ts'

/** The helper program in a file. */
export class Helper implements Disposable {
  readonly path: string
  readonly #directory: string
  readonly #functions: readonly HelperFunction[]

  /**
   * Writes it to a new directory for temporary files.
   *
   * @throws NotSupportedError when this architecture has none
   */
  constructor() {
    const code = helperCode(helperArchitecture())
    this.#functions = code.functions
    this.#directory = mkdtempSync(join(tmpdir(), 'ebpf-ts-bench-'))
    this.path = join(this.#directory, 'helper')
    try {
      writeFileSync(this.path, helperFile(helperArchitecture(), code))
      chmodSync(this.path, 0o755)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  /**
   * Runs it.
   *
   * @param name function that it calls
   * @param count calls that it times; there are {@link WARM_UP_CALLS} before them
   * @returns nanoseconds of CPU time per call
   */
  run(name: string, count: number): number {
    const index = this.#functions.findIndex(each => each.name === name)
    return Number(execFileSync(this.path, [String(index), String(count)], { encoding: 'utf8' })) / count
  }

  [Symbol.dispose](): void {
    rmSync(this.#directory, { recursive: true })
  }
}

function helperArchitecture(): HelperArchitecture {
  if (process.arch === 'x64' || process.arch === 'arm64') return process.arch
  throw new NotSupportedError(`A helper program for ${process.arch}`)
}

/** What the contenders of a round share. */
export interface UserRound extends Disposable {
  readonly helper: Helper
}

/** A way to attach a program to a function of the helper. */
export interface UserVariant {
  readonly name: string
  /** What happens at a hit, in a few words. */
  readonly summary: string
  /** Function of the helper. */
  readonly target: string
  readonly needs: readonly Need[]
  readonly load: Pick<ProgramSpec, 'type' | 'expectedAttachType'>
  readonly attach: (program: Program, path: string) => Link
}

const uprobes = needOf('uprobe', 'uprobes')
const multi = needOf('uprobe_multi', 'uprobe_multi')

const single = { type: 'kprobe' } as const
const many = { type: 'kprobe', expectedAttachType: 'trace_uprobe_multi' } as const

type Kind = Pick<UserVariant, 'needs' | 'load'> & {
  readonly summary: string
  readonly attach: (program: Program, path: string, symbol: string) => Link
}

const kinds: Readonly<Record<string, Kind>> = {
  uprobe: {
    summary: 'a uprobe on',
    needs: [uprobes],
    load: single,
    attach: (program, path, symbol) => uprobe(program, path, { symbol }),
  },
  uretprobe: {
    summary: 'the return of a function that starts with',
    needs: [uprobes],
    load: single,
    attach: (program, path, symbol) => uretprobe(program, path, { symbol }),
  },
  uprobe_multi: {
    summary: 'a uprobe_multi link on',
    needs: [multi],
    load: many,
    attach: (program, path, symbol) => uprobeMulti(program, path, { symbols: [symbol] }),
  },
  uretprobe_multi: {
    summary: 'a uprobe_multi link on the return of a function that starts with',
    needs: [multi],
    load: many,
    attach: (program, path, symbol) => uprobeMulti(program, path, { symbols: [symbol], returns: true }),
  },
}

/** First instructions of functions, as far as the architecture has them. */
const instructions: Readonly<Record<HelperArchitecture, readonly string[]>> = {
  x64: ['nop', 'push', 'ret', 'nop5'],
  arm64: ['nop', 'push', 'ret'],
}

/** Nops of USDT probes, and the bytes before them in their function. */
const usdtNops: Readonly<Record<HelperArchitecture, readonly (readonly [nop: string, offset: number])[]>> = {
  x64: [
    ['nop', 1],
    ['nop5', 1],
  ],
  arm64: [['nop', 4]],
}

/** The variants of an architecture, in the order in which a round goes through them. */
export function userVariants(architecture: string = process.arch): UserVariant[] {
  if (architecture !== 'x64' && architecture !== 'arm64') return []
  return [
    ...Object.entries(kinds).flatMap(([kind, { summary, attach, ...rest }]) =>
      instructions[architecture].map(target => ({
        ...rest,
        name: `${kind}-${target}`,
        summary: `${summary} ${target}`,
        target,
        attach: (program: Program, path: string) => attach(program, path, target),
      })),
    ),
    ...usdtNops[architecture].map(([nop, offset]) => ({
      name: `usdt-${nop}`,
      summary: `a uprobe on the ${nop} of a USDT probe, inside of a function`,
      target: `usdt_${nop}`,
      needs: [uprobes],
      load: single,
      attach: (program: Program, path: string) => uprobe(program, path, { symbol: `usdt_${nop}`, offset }),
    })),
  ]
}

/** Name of the row of a function with nothing attached. */
export function userBaseName(target: string): string {
  return `none (${target})`
}

/** What the number of calls is estimated from. */
const TRIAL_CALLS = 1000
const MAX_CALLS = 50_000_000

/** Takes samples of the helper, with or without something attached. */
export class UserSampler {
  readonly #workload: Workload
  readonly #repeats: Repeats
  /** Calls per sample, by contender: the same in all rounds. */
  readonly #chosen = new Map<string, number>()

  constructor(workload: Workload, repeats: Repeats) {
    this.#workload = workload
    this.#repeats = repeats
  }

  /** The contender of a function with nothing attached. */
  base(target: string): Contender<UserRound> {
    const name = userBaseName(target)
    return { name, measure: ({ helper }) => this.#run(name, helper, target) }
  }

  /** The contender of a variant. */
  variant({ name, target, load, attach }: UserVariant): Contender<UserRound> {
    const workload = this.#workload
    return {
      name,
      base: userBaseName(target),
      measure: ({ helper }): Sample => {
        using program = workload.load(programName(name), load)
        using _link = attach(program, helper.path)
        const sample = this.#run(name, helper, target)
        if (workload.body.counts) {
          const hits = { expected: sample.calls + WARM_UP_CALLS, counted: workload.counted().hits }
          return { ...sample, hits }
        }
        const hits = workload.countByKernel(program, () => {
          helper.run(target, TRIAL_CALLS)
          return TRIAL_CALLS + WARM_UP_CALLS
        })
        return { ...sample, hits }
      },
    }
  }

  #run(name: string, helper: Helper, target: string): Sample {
    let calls = this.#chosen.get(name)
    if (calls === undefined) {
      calls = this.#choose(helper, target)
      this.#chosen.set(name, calls)
    }
    this.#workload.reset()
    return { nanoseconds: helper.run(target, calls), calls }
  }

  #choose(helper: Helper, target: string): number {
    const room = this.#workload.capacity - WARM_UP_CALLS
    if ('fixed' in this.#repeats) return Math.min(this.#repeats.fixed, room)
    this.#workload.reset()
    const nanoseconds = Math.max(helper.run(target, TRIAL_CALLS), 0.1)
    const wanted = Math.round((this.#repeats.milliseconds * 1e6) / nanoseconds)
    return Math.max(TRIAL_CALLS, Math.min(wanted, room, MAX_CALLS))
  }
}
