/**
 * The declaration of a command, and the tables that commands stand in.
 *
 * @module
 */

import type { Output } from '../output/output.ts'
import type { Options, ValuesOf } from './option.ts'

/** The value of a positional argument, by how it is declared: `'OBJECT'`, `'[FILE]'`, `'OBJECT...'`, `'[FILE...]'`. */
type PositionalOf<P extends string> = P extends `${string}...` | `[${string}...]`
  ? readonly string[]
  : P extends `[${string}]`
    ? string | undefined
    : string

/** The values of positional arguments, in their order. */
export type PositionalsOf<P extends readonly string[]> = {
  readonly [I in keyof P]: PositionalOf<P[I]>
}

/** One use of a command. */
export interface Invocation<O extends Options, P extends readonly string[]> {
  /** What was called, for messages: `'ebpf-ts bench probes'`. */
  readonly name: string
  readonly positionals: PositionalsOf<P>
  /** Values of its options. */
  readonly values: ValuesOf<O>
  /** Whether `--json` was given. */
  readonly json: boolean
  /** Standard output: what the command is asked for. */
  readonly out: Output
  /** Standard error: notes, progress. */
  readonly notes: Output
  /**
   * A signal that aborts on SIGINT, SIGTERM, SIGHUP, and when the reader of the output is gone. Before the first call
   * these end the process at once, so call it before there is something to clean up.
   */
  stop(): AbortSignal
}

/** What `--json` prints. */
export interface JsonOutput {
  /** One document, or one document per line. */
  readonly form: 'document' | 'lines'
  /** For the usage: `'print one JSON document, which docs/inspect.md describes'`. */
  readonly help: string
}

/** How a command is used, for example. */
export interface Example {
  /** What follows the command's name: `'tool.bpf.o --count 10'`. */
  readonly line: string
  /** What that does: `'print ten records'`. */
  readonly does: string
}

/** A command: what it takes, what the usage says, what it does. `--json` and `--help` are options of every command. */
export interface Declaration<O extends Options, P extends readonly string[]> {
  /** Positional arguments, in their order; see {@link PositionalOf}. Only the last may have dots. */
  readonly positionals: P
  /** What `--NAME` means, for each name. */
  readonly options: O
  readonly json: JsonOutput
  /** Options of which only one can be given. */
  readonly exclusive?: readonly (readonly (keyof O | 'json')[])[]
  /** What follows the command's name in the usage, a line for each form. Default: the positional arguments, options. */
  readonly usage?: readonly string[]
  /** Paragraphs, which are filled to the width of the terminal. */
  readonly description: readonly string[]
  /** Lists and other things to know, each with a title. */
  readonly notes?: readonly { readonly title: string; readonly text: string }[]
  readonly examples: readonly Example[]
  /** When exit codes 0 and 1 are returned: `'when ...'`. */
  readonly exit: { readonly done: string; readonly failed: string }
  /**
   * Does it.
   *
   * @returns the exit code: 0 done, 1 failed
   * @throws UsageError for wrong use, which is exit code 2; any other error is exit code 1
   */
  run(invocation: Invocation<O, P>): number | Promise<number>
}

/** A declared command. */
export type Command = Declaration<Options, readonly string[]>

/** Declares a command; the types of its options and arguments follow from the declaration. */
export function defineCommand<O extends Options, const P extends readonly string[]>(
  declaration: Declaration<O, P>,
): Command {
  return declaration as unknown as Command
}

/** A command in a table. Its code is loaded when it is asked for. */
export interface CommandEntry {
  /** One line for lists of commands: `'load an object, attach its programs, print its records'`. */
  readonly summary: string
  command(): Promise<{ readonly command: Command }>
}

/** A group of commands in a table: the folder of their files. */
export interface GroupEntry {
  readonly summary: string
  group(): Promise<{ readonly commands: CommandTable }>
}

/** Commands and groups by their names. */
export type CommandTable = Readonly<Record<string, CommandEntry | GroupEntry>>
