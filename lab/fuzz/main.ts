/**
 * The fuzzer: damages real objects, BTF and `.BTF.ext`, and lets everything that reads foreign bytes loose on them.
 *
 *     npm run fuzz -- --seconds N [--seed S]       as many inputs as come
 *     npm run fuzz -- --inputs N [--seed S]        so many
 *     npm run fuzz -- --input I --seed S [--save FILE]   one of them again; FILE gets its bytes
 *
 * Options: `--workers N` (2), `--btf FILE` (types that CO-RE is tried against; those of the running kernel, or what is
 * in the checkout), `--objects DIRECTORY` (others than those of the checkout), `--seed S` (1).
 *
 * An input may be read or refused with an `ObjectFileError` that says where; anything else is a finding: other errors,
 * too much time or memory for its size, a change of what all objects inherit. The same checkout, seed and number give
 * the same input. The last line is `N passed, N failed, N skipped`, where each kind of finding counts as one failed
 * test; the exit code is 1 when there are any.
 *
 * @module
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { Btf } from '../../src/btf/btf.ts'
import { exitCodeOf, type Tally, tallyLine } from '../test-runner/tally.ts'
import { makeInput } from './mutate.ts'
import { examine } from './pipeline.ts'
import { readSeeds } from './seeds.ts'
import { Board, type Finding, type Message, type Run, type Summary, type WorkerData } from './shared.ts'

const KERNEL_BTF = '/sys/kernel/btf/vmlinux'
/** For machines without: little of a kernel, but real. */
const OWN_BTF = 'test/btf/abi.btf'
/** Milliseconds after which a worker is taken for hung. */
const HUNG = 30_000
/** Milliseconds between looks at the workers, and between lines of progress. */
const LOOK = 250
const PROGRESS = 10_000
/** Megabytes that a worker may fill; more than any input may take, with garbage. */
const HEAP = 1024
/** Findings that are told in full. */
const TOLD = 50

interface Options {
  readonly run: Run
  readonly workers: number
  /** One input to be made again. */
  readonly only: number | undefined
  readonly save: string | undefined
}

function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      seconds: { type: 'string' },
      inputs: { type: 'string' },
      input: { type: 'string' },
      seed: { type: 'string', default: '1' },
      workers: { type: 'string', default: '2' },
      btf: { type: 'string' },
      objects: { type: 'string' },
      save: { type: 'string' },
    },
  })
  const ways = [values.seconds, values.inputs, values.input].filter(each => each !== undefined)
  if (ways.length !== 1) throw new RangeError('Give one of --seconds N, --inputs N and --input I')
  const seconds =
    values.seconds === undefined ? Number.POSITIVE_INFINITY : whole('seconds', values.seconds, 1)
  return {
    run: {
      seed: whole('seed', values.seed, 0),
      first: 0,
      end: values.inputs === undefined ? Number.POSITIVE_INFINITY : whole('inputs', values.inputs, 1),
      deadline: Date.now() + seconds * 1000,
      objects: values.objects,
      kernelBtf: values.btf ?? (existsSync(KERNEL_BTF) ? KERNEL_BTF : OWN_BTF),
    },
    workers: whole('workers', values.workers, 1),
    only: values.input === undefined ? undefined : whole('input', values.input, 0),
    save: values.save,
  }
}

function whole(option: string, text: string, least: number): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`--${option} must be a whole number from ${least}, not ${text}`)
  return value
}

/** Runs workers until all inputs are examined. */
class Fuzzer {
  readonly #run: Run
  readonly #board: Board
  readonly #memory: SharedArrayBuffer
  readonly #workers: (Worker | undefined)[]
  readonly #summaries: Summary[] = []
  /** Findings by their first line: the first of each kind, and how many there are. */
  readonly #findings = new Map<string, { first: Finding; count: number }>()

  constructor(run: Run, workers: number) {
    this.#run = run
    this.#memory = Board.memory(workers)
    this.#board = new Board(this.#memory)
    this.#workers = new Array(workers).fill(undefined)
  }

  async run(): Promise<Tally> {
    const begin = performance.now()
    for (const slot of this.#workers.keys()) this.#start(slot)
    let told = begin
    while (this.#workers.some(each => each !== undefined)) {
      await new Promise(resolve => setTimeout(resolve, LOOK))
      this.#endHung()
      if (performance.now() - told < PROGRESS) continue
      told = performance.now()
      console.log(this.#progress(told - begin))
    }
    console.log(this.#progress(performance.now() - begin))
    this.#tellExtremes()
    return { passed: this.#findings.size === 0 ? 1 : 0, failed: this.#findings.size, skipped: 0 }
  }

  #progress(milliseconds: number): string {
    const { done, refused } = this.#board
    const rate = Math.round(done / (milliseconds / 1000))
    const counts = `${done - refused} read, ${refused} refused`
    return `${Math.round(milliseconds / 1000)} s: ${done} inputs, ${rate}/s, ${counts}, ${this.#findings.size} kinds of findings`
  }

  #tellExtremes(): void {
    const most = (of: (summary: Summary) => Summary['longest']): Summary['longest'] =>
      this.#summaries.map(of).reduce((a, b) => (b.value > a.value ? b : a), { input: -1, value: 0 })
    const [longest, largest] = [most(each => each.longest), most(each => each.largest)]
    console.log(`longest: ${Math.round(longest.value)} ms for input ${longest.input}`)
    console.log(`largest: ${Math.round(largest.value)} bytes per byte for input ${largest.input}`)
    for (const { first, count } of this.#findings.values()) {
      if (count > 1) console.log(`${count} times: ${headline(first)}`)
    }
  }

  #start(slot: number): void {
    const data: WorkerData = { run: this.#run, slot, board: this.#memory }
    const worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: data,
      resourceLimits: { maxOldGenerationSizeMb: HEAP, maxYoungGenerationSizeMb: 64 },
    })
    this.#workers[slot] = worker
    worker.on('message', (message: Message) => {
      if ('finding' in message) this.#add(message.finding)
      else this.#summaries.push(message.summary)
    })
    let failed = false
    worker.on('error', error => {
      failed = true
      this.#addCurrent(slot, `The worker ended: ${error.message}\n${error.stack}`)
    })
    worker.on('exit', code => {
      this.#workers[slot] = undefined
      // One that was ended goes on behind the input that ended it.
      if (failed || code !== 0) this.#start(slot)
    })
  }

  #endHung(): void {
    const now = Math.trunc(performance.timeOrigin + performance.now()) | 0
    for (const [slot, worker] of this.#workers.entries()) {
      const { since } = this.#board.current(slot)
      if (worker === undefined || since === 0 || ((now - since) | 0) < HUNG) continue
      this.#addCurrent(slot, 'It does not end')
      this.#workers[slot] = undefined
      void worker.terminate()
    }
  }

  #addCurrent(slot: number, what: string): void {
    const input = this.#run.first + this.#board.current(slot).next
    this.#add({ input, name: makeInput(readSeeds(this.#run.objects), this.#run.seed, input).name, what })
    this.#board.finish(false)
  }

  #add(finding: Finding): void {
    const key = headline(finding)
    const known = this.#findings.get(key)
    if (known !== undefined) {
      known.count++
      return
    }
    this.#findings.set(key, { first: finding, count: 1 })
    if (this.#findings.size > TOLD) return
    console.log(`\nFinding: input ${finding.input}, from ${finding.name}\n${finding.what}`)
    console.log(`npm run fuzz -- --seed ${this.#run.seed} --input ${finding.input}\n`)
  }
}

/** Kind of error and the place where it was made: what is the same of all findings of a kind. */
function headline({ what }: Finding): string {
  const [first = '', ...frames] = what.split('\n')
  const frame = frames.find(each => each.trimStart().startsWith('at '))
  return frame === undefined ? first : `${first.split(':')[0]} ${frame.trim()}`
}

/** Examines one input here, where a debugger sees it. */
function again({ run, only, save }: Options, number: number): Tally {
  const input = makeInput(readSeeds(run.objects), run.seed, number)
  console.log(`input ${only} is ${input.bytes.length} bytes of kind ${input.kind}, from ${input.name}`)
  if (save !== undefined) writeFileSync(save, input.bytes)
  try {
    const begin = performance.now()
    const outcome = examine(input, Btf.parse(readFileSync(run.kernelBtf)))
    console.log(`${outcome} in ${Math.round(performance.now() - begin)} ms`)
    return { passed: 1, failed: 0, skipped: 0 }
  } catch (error) {
    console.log((error as Error).stack)
    return { passed: 0, failed: 1, skipped: 0 }
  }
}

async function main(): Promise<number> {
  let options: Options
  try {
    options = parseOptions(process.argv.slice(2))
  } catch (error) {
    console.error((error as Error).message)
    return 2
  }
  const { run, workers, only } = options
  console.log(`seed ${run.seed}, types of ${run.kernelBtf}`)
  const tally = only === undefined ? await new Fuzzer(run, workers).run() : again(options, only)
  console.log(tallyLine(tally))
  return exitCodeOf(tally)
}

process.exitCode = await main()
