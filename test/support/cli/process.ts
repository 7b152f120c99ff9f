/**
 * The command-line tool in a process of its own.
 *
 * @module
 */

import { type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

/** As it is published. */
const MAIN = fileURLToPath(new URL('../../../../dist/cli/main.js', import.meta.url))

/** How a command ended, and what it printed. */
export interface CliResult {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

/** Runs a command that ends by itself. */
export function runCli(args: readonly string[], options: Pick<SpawnOptions, 'uid' | 'gid'> = {}): CliResult {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    ...options,
    encoding: 'utf8',
    timeout: 300_000,
    killSignal: 'SIGKILL',
  })
  return { code: status, signal, stdout, stderr }
}

/** A command that runs until it is stopped. */
export interface CliProcess {
  /** The first line of its standard output. */
  readonly firstLine: string
  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<CliResult>
}

/**
 * Starts a command and waits for its first line.
 *
 * @throws Error with what it wrote when it ends before
 */
export async function startCli(args: readonly string[]): Promise<CliProcess> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const result: CliResult = { code: null, signal: null, stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      result[name] += text
    })
  }
  const ended = once(child, 'close').then(([code, signal]) => Object.assign(result, { code, signal }))
  while (!result.stdout.includes('\n')) {
    const event = await Promise.race([once(child.stdout, 'data'), ended])
    if (event === result) throw new Error(`The command ended with code ${result.code}: ${result.stderr}`)
  }
  return {
    firstLine: result.stdout.split('\n', 1)[0]!,
    stop(signal) {
      child.kill(signal)
      return ended
    },
  }
}
