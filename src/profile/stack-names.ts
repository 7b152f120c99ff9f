/**
 * Names for groups of samples: each group becomes a stack of frames, and equal stacks are counted as one.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import type { Frame, StackCount } from '../charts/stacks/stack.ts'
import type { StackFrame } from '../symbols/frame.ts'
import type { ProcessSymbols } from '../symbols/process/process-symbols.ts'
import type { Symbolizer } from '../symbols/symbolizer.ts'
import { chartFrame } from './frame.ts'
import { type ProcessFrames, programOf } from './hints.ts'
import type { ProfiledProcess } from './profile-result.ts'
import type { SampleGroup } from './sample.ts'

/** The name that V8's interpreter has in stacks. */
const INTERPRETER = 'InterpreterEntryTrampoline'
/** Frames that every waiting thread has in the kernel; those of the tracepoint lie before them. */
const SCHEDULER = /^(?:__)?schedule$|^preempt_schedule/
/** Frames among which they are. */
const INNERMOST = 8
/** Functions that stacks begin with: of libc, and of Go. */
const START =
  /^(?:_start|__libc_start_(?:call_)?main(?:_impl)?|(?:__)?clone3?|start_thread|runtime\.(?:goexit|rt0_go|mstart0?|mcall|systemstack)(?:\.abi0)?)$/

/** A stack, and how often it was met. */
interface Counted {
  readonly frames: readonly Frame[]
  readonly pid: number
  readonly comm: string
  count: number
}

/** A process, while it is profiled. */
interface Known {
  symbols: ProcessSymbols | undefined
  readonly frames: ProcessFrames
  /** When the samples that come next are taken: see `ProcessSymbols.moment`. */
  moment: number
  value: number
}

/** Stacks with names. A process is looked at when its first sample comes. */
export class StackNames {
  readonly #symbolizer: Symbolizer
  readonly #waits: boolean
  readonly #stacks = new Map<string, Counted>()
  readonly #processes = new Map<number, Known>()
  /** Those whose ids other processes have by now. */
  readonly #replaced: Known[] = []
  /** One object for each frame that differs, and its number: what is equal is found by that. */
  readonly #frames = new Map<string, readonly [frame: Frame, number: number]>()
  #samples = 0
  #unnamed = 0
  #truncated = 0
  #incomplete = 0
  #excluded = 0
  #gone = 0

  /** @param waits whether the stacks are those of threads that wait: the scheduler's own functions are left out */
  constructor(symbolizer: Symbolizer, waits: boolean) {
    this.#symbolizer = symbolizer
    this.#waits = waits
  }

  get samples(): number {
    return this.#samples
  }
  get unnamed(): number {
    return this.#unnamed
  }
  get truncated(): number {
    return this.#truncated
  }
  get incomplete(): number {
    return this.#incomplete
  }
  get excluded(): number {
    return this.#excluded
  }
  get gone(): number {
    return this.#gone
  }

  /** Looks at a process before its first sample comes. */
  watch(pid: number): void {
    this.#process(pid, '')
  }

  /** Counts equal samples, all taken since the last {@link StackNames.mark}. */
  add({ pid, comm, user, kernel, truncated, samples, value }: SampleGroup): void {
    if (user.length + kernel.length === 0) {
      this.#excluded += samples
      return
    }
    const known = this.#process(pid, comm)
    const outer = [
      ...this.#inKernel(kernel),
      ...(known.symbols === undefined
        ? this.#unknown(user)
        : this.#symbolizer.stack(user, pid, known.moment)),
    ]
    const numbers: number[] = []
    const frames: Frame[] = []
    const add = ([frame, number]: readonly [Frame, number]): void => {
      frames.push(frame)
      numbers.push(number)
    }
    // A thread of the kernel has no stack but the kernel's.
    add(
      this.#intern({
        name: user.length === 0 ? `[${comm}]` : comm,
        kind: user.length === 0 ? 'kernel' : 'native',
      }),
    )
    for (const each of outer.toReversed()) add(this.#intern(chartFrame(each)))
    this.#observe(known, outer, frames, samples)
    this.#samples += samples
    known.value += value
    if (truncated) this.#truncated += samples
    const start = user.length === 0 ? undefined : outer.at(-1)?.name
    if (!truncated && start !== undefined && !START.test(start)) this.#incomplete += samples
    if (outer[0]!.name === undefined) this.#unnamed += samples
    if (known.symbols === undefined && user.length > 0) this.#gone += samples
    const key = `${pid} ${numbers.join(' ')}`
    const counted = this.#stacks.get(key)
    if (counted === undefined) this.#stacks.set(key, { frames, pid, comm, count: value })
    else counted.count += value
  }

  /** The samples that follow are taken from now on. */
  mark(): void {
    for (const known of this.#processes.values())
      if (known.symbols?.closed === false) known.moment = known.symbols.moment()
  }

  /** The stacks, most first. */
  stacks(): StackCount[] {
    return [...this.#stacks.values()]
      .sort((a, b) => b.count - a.count)
      .map(({ frames, pid, comm, count }) => ({ frames, count, labels: { pid, comm } }))
  }

  /** The processes, most first. */
  processes(): ProfiledProcess[] {
    return [...this.#replaced, ...this.#processes.values()]
      .map(({ frames: { pid, comm, samples }, value }) => ({ pid, name: comm, samples, value }))
      .filter(({ samples }) => samples > 0)
      .sort((a, b) => b.value - a.value)
  }

  /** What is known of the frames of each process. */
  *processFrames(): Generator<ProcessFrames, undefined> {
    for (const { symbols, frames } of [...this.#replaced, ...this.#processes.values()]) {
      frames.hasPerfMap = symbols?.hasPerfMap === true
      yield frames
    }
    return undefined
  }

  #process(pid: number, comm: string): Known {
    const known = this.#processes.get(pid)
    if (known === undefined || !this.#isCurrent(known, pid)) {
      if (known !== undefined) this.#replaced.push(known)
      return this.#meet(pid, comm)
    }
    if (known.frames.comm === '') known.frames.comm = comm
    return known
  }

  #meet(pid: number, comm: string): Known {
    const symbols = this.#symbols(pid)
    const counts = { samples: 0, unnamed: 0, interpreted: 0, interpretedByName: 0, hasPerfMap: false }
    const known: Known = {
      symbols,
      frames: { pid, comm, program: programOf(pid), ...counts },
      moment: symbols?.moment() ?? 0,
      value: 0,
    }
    this.#processes.set(pid, known)
    return known
  }

  /**
   * Whether the id is still that of the process. The symbolizer closes what it knows of a process whose id another one has, and
   * of the oldest of thousands, which is opened again.
   */
  #isCurrent(known: Known, pid: number): boolean {
    if (known.symbols?.closed !== true) return true
    const symbols = this.#symbols(pid)
    if (symbols !== undefined && symbols.startTime !== known.symbols.startTime) return false
    known.symbols = symbols
    known.moment = symbols?.moment() ?? 0
    return true
  }

  /** `undefined` for a process that has ended, or that this one may not look at. */
  #symbols(pid: number): ProcessSymbols | undefined {
    try {
      return this.#symbolizer.process(pid)
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      return undefined
    }
  }

  #observe(
    { frames: seen }: Known,
    stack: readonly StackFrame[],
    frames: readonly Frame[],
    samples: number,
  ): void {
    seen.samples += samples
    if (stack.some(({ name, module }) => name === undefined && module === undefined)) seen.unnamed += samples
    if (!frames.some(({ name }) => name === INTERPRETER)) return
    seen.interpreted += samples
    if (frames.some(({ kind }) => kind === 'interpreted')) seen.interpretedByName += samples
  }

  #intern(frame: Frame): readonly [Frame, number] {
    const { name, kind, file = '', line = 0, column = 0 } = frame
    const key = `${kind} ${line}:${column} ${name.length} ${name}${file}`
    let known = this.#frames.get(key)
    if (known === undefined) {
      known = [frame, this.#frames.size]
      this.#frames.set(key, known)
    }
    return known
  }

  #inKernel(addresses: readonly bigint[]): StackFrame[] {
    const frames = this.#symbolizer.stack(addresses)
    if (!this.#waits) return frames
    const last = frames
      .slice(0, INNERMOST)
      .findLastIndex(({ name }) => name !== undefined && SCHEDULER.test(name))
    return last + 1 < frames.length ? frames.slice(last + 1) : frames
  }

  #unknown(addresses: readonly bigint[]): StackFrame[] {
    return addresses.map(address => ({ address, name: undefined, offset: 0, module: undefined }))
  }
}
