/**
 * What every command of the command line has in common.
 *
 * @module
 */

import { type ParseArgsConfig, parseArgs } from 'node:util'

/** A command: `ebpf-ts NAME ...`. */
export interface Command {
  /** Text of `--help`. */
  readonly help: string
  /** Runs it and returns the exit code: 0 done, 1 failed, 2 wrong use. */
  run(args: readonly string[]): Promise<number>
}

/** The command line was used wrongly; exit code 2. */
export class UsageError extends Error {
  static {
    UsageError.prototype.name = 'UsageError'
  }
}

/** Parses options and positionals; `--help` comes for free. */
export function parseCommandLine<T extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ options: T; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** Parses a count given on the command line. */
export function parseCount(text: string | undefined, option: string): number | undefined {
  if (text === undefined) return undefined
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new UsageError(`${option} needs a positive number, not ${JSON.stringify(text)}`)
  return Number(text)
}
