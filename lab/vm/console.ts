/**
 * What a guest says on its serial console: the result of the command that it was started for, and whether it died.
 *
 * @module
 */

import { spawn } from 'node:child_process'
import { BEGIN, END } from './guest.ts'

/** What came of a command in a guest. */
export interface GuestResult {
  /** Exit code of the command; `undefined` when the guest did not get to its end. */
  readonly exitCode: number | undefined
  /** Why the guest is not to be trusted: it panicked, ran out of memory, hung, or stopped; else `undefined`. */
  readonly failure: string | undefined
  /** What the command printed. */
  readonly output: readonly string[]
  /** Last lines of the console, for a guest that failed. */
  readonly console: readonly string[]
  /** Seconds from power on to power off. */
  readonly seconds: number
}

/** How long to watch a guest, and what to call. */
export interface ConsoleOptions {
  /** Seconds after which a guest counts as hung. */
  timeout: number
  /** Called with each line that the command prints. */
  onLine?: ((line: string) => void) | undefined
}

const CONSOLE_LINES = 40
/** Milliseconds for a guest that dies to print the trace, which comes after the line that says so. */
const LAST_WORDS = 3000
const DEATH = /Kernel panic|Oops:|BUG: |Out of memory: Killed process|general protection fault/

/** Reads a console line by line. */
export class GuestConsole {
  /** What the command printed. */
  readonly output: string[] = []
  /** The last lines. */
  readonly last: string[] = []
  /** Exit code of the command, once it has ended. */
  exitCode: number | undefined
  /** The first line with which the kernel said that something is very wrong. */
  death: string | undefined
  readonly #onLine: ((line: string) => void) | undefined
  #running = false

  constructor(onLine?: (line: string) => void) {
    this.#onLine = onLine
  }

  /** Takes one line. */
  line(line: string): void {
    this.last.push(line)
    if (this.last.length > CONSOLE_LINES) this.last.shift()
    const end = END.exec(line)
    // The firmware leaves escape sequences on the first line.
    if (line.endsWith(BEGIN)) this.#running = true
    else if (end !== null) {
      this.#running = false
      this.exitCode = Number(end[1])
    } else if (DEATH.test(line)) this.death ??= line
    else if (this.#running) {
      this.output.push(line)
      this.#onLine?.(line)
    }
  }

  /** Why the guest is not to be trusted, now that it is off. A command may have ended before its kernel died. */
  get failure(): string | undefined {
    return this.death ?? (this.exitCode === undefined ? 'stopped before the command was done' : undefined)
  }
}

/** Signals that end the process which watches. */
const ENDINGS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Starts an emulator whose standard output is the guest's console, and watches it until it is off. */
export function watchGuest(
  program: string,
  args: readonly string[],
  { timeout, onLine }: ConsoleOptions,
): Promise<GuestResult> {
  const started = Date.now()
  const console = new GuestConsole(onLine)
  return new Promise((resolve, reject) => {
    const emulator = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const kill = (): void => void emulator.kill('SIGKILL')
    // A guest must not outlive who watches it.
    const end = (signal: NodeJS.Signals): void => {
      kill()
      process.kill(process.pid, signal)
    }
    for (const signal of ENDINGS) process.once(signal, end)
    let hung: string | undefined
    let lastWords: NodeJS.Timeout | undefined
    const patience = setTimeout(() => {
      hung = `hung for ${timeout} seconds`
      kill()
    }, timeout * 1000)
    let rest = ''
    emulator.stdout.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) console.line(line.replaceAll('\r', ''))
      if (console.death !== undefined) lastWords ??= setTimeout(kill, LAST_WORDS)
    })
    emulator.stderr.setEncoding('utf8').on('data', (text: string) => console.last.push(text.trimEnd()))
    emulator.on('error', reject)
    emulator.on('close', () => {
      for (const signal of ENDINGS) process.off(signal, end)
      clearTimeout(patience)
      clearTimeout(lastWords)
      if (rest !== '') console.line(rest)
      resolve({
        exitCode: console.exitCode,
        failure: hung ?? console.failure,
        output: console.output,
        console: console.last,
        seconds: (Date.now() - started) / 1000,
      })
    })
  })
}
