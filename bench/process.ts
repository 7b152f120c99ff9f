/**
 * A contestant's process, from the side of the harness.
 *
 * @module
 */

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface, type Interface } from 'node:readline'
import type { Contestant } from './contestants.ts'
import { type Answer, parseAnswer, parseReady, type Ready, type Request } from './protocol.ts'

/** Seconds that an answer may take, beside what the request asks for. */
const PATIENCE = 120

/** A process that answers requests. */
export class ContestantProcess implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #lines: AsyncIterator<string>
  readonly #exited: Promise<void>
  #stderr = ''

  private constructor({ command, env }: Contestant, args: readonly string[]) {
    const [program = '', ...rest] = command
    this.#child = spawn(program, [...rest, ...args], {
      env: { ...process.env, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    this.#exited = new Promise(resolve => {
      this.#child.once('close', () => resolve())
      this.#child.once('error', error => {
        this.#stderr += error.message
        resolve()
      })
    })
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-2000)
    })
    // It may have ended: the answer is missing then.
    this.#child.stdin?.on('error', () => {})
    this.#lines = linesOf(this.#child)[Symbol.asyncIterator]()
  }

  /**
   * Starts one that answers many requests.
   *
   * @throws Error when it does not say that it is ready
   */
  static async start(contestant: Contestant): Promise<{ process: ContestantProcess; ready: Ready }> {
    const process = new ContestantProcess(contestant, [])
    try {
      return { process, ready: parseReady(await process.#line(0)) }
    } catch (error) {
      await process[Symbol.asyncDispose]()
      throw error
    }
  }

  /** Has a new process do one row. */
  static async once(contestant: Contestant, { row, seconds = 0 }: Request): Promise<Answer> {
    const args = ['--once', row, ...(seconds > 0 ? ['--seconds', String(seconds)] : [])]
    await using process = new ContestantProcess(contestant, args)
    return await process.#answer(row, seconds)
  }

  /** Asks for a sweep. What goes wrong is an answer too. */
  ask(request: Request): Promise<Answer> {
    this.#child.stdin?.write(`${JSON.stringify(request)}\n`)
    return this.#answer(request.row, request.seconds ?? 0)
  }

  async #answer(row: string, seconds: number): Promise<Answer> {
    try {
      return parseAnswer(await this.#line(seconds), row)
    } catch (error) {
      return { row, error: error instanceof Error ? error.message : String(error) }
    }
  }

  async #line(seconds: number): Promise<string> {
    const timeout = setTimeout(() => this.#child.kill('SIGKILL'), (PATIENCE + seconds) * 1000)
    try {
      const { done, value } = await this.#lines.next()
      if (done !== true) return value
      await this.#exited
      throw new Error(
        `The process ended with ${this.#child.signalCode ?? this.#child.exitCode}: ${this.#stderr}`,
      )
    } finally {
      clearTimeout(timeout)
    }
  }

  /** Ends it. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin?.end()
    const timeout = setTimeout(() => this.#child.kill('SIGKILL'), 10_000)
    await this.#exited
    clearTimeout(timeout)
  }
}

function linesOf({ stdout }: ChildProcess): Interface {
  if (stdout === null) throw new Error('The contestant has no pipe')
  return createInterface({ input: stdout })
}
