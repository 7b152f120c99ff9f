/**
 * The general form of the command line: `ebpf-ts NOUN VERB`, `ebpf-ts VERB`.
 *
 * @module
 */

import { suggestion } from '../../base/index.ts'
import { Output } from '../output/output.ts'
import { Sink, type TextStream } from '../output/sink.ts'
import { stopSignal } from '../output/stop.ts'
import type { Command, CommandTable } from './command.ts'
import { failureFacts, writeFailure } from './failure.ts'
import { writeCommandHelp, writeGroupHelp } from './help.ts'
import { type ParsedArguments, parseArguments, wantsHelp } from './parse.ts'
import { UsageError } from './usage-error.ts'

/** What a process has for the command line. */
export interface Streams {
  readonly stdout: TextStream
  readonly stderr: TextStream
  readonly env: NodeJS.ProcessEnv
}

/** The tool: its name and all of its commands. */
export interface Tool {
  readonly name: string
  readonly summary: string
  readonly commands: CommandTable
}

/** The end of a command. */
export interface Ending {
  /** 0 done, 1 failed, 2 wrong use. */
  readonly code: number
  /** Whether all output was taken; else the process must be ended, since it waits for the reader. */
  readonly written: boolean
}

/** What commands write to, and what stops them. */
interface Session {
  readonly out: Output
  readonly notes: Output
  /** Aborts on signals once a command asked for them. */
  readonly stopped: AbortController
}

/** Runs a command line, without the name of the tool. */
export async function execute(tool: Tool, args: readonly string[], streams: Streams): Promise<Ending> {
  const { stdout, stderr, env } = streams
  const session: Session = {
    out: new Output(new Sink(stdout, true), env),
    notes: new Output(new Sink(stderr, false), env),
    stopped: new AbortController(),
  }
  const { out, notes, stopped } = session
  let code = await dispatch(tool, args, session)
  const written = await Promise.all([out, notes].map(({ sink }) => sink.end(stopped.signal)))
  if (out.sink.error !== undefined) {
    writeFailure(notes, `${tool.name}: Cannot write to standard output`, out.sink.error)
    code = 1
  }
  return { code, written: written.every(each => each) }
}

async function dispatch(tool: Tool, args: readonly string[], session: Session): Promise<number> {
  const { out, notes } = session
  const [first, ...others] = args
  if (first === '--version' || first === '-V') return dispatch(tool, ['version', ...others], session)
  const helps = first === 'help'
  let { name, summary, commands } = tool
  let rest = helps ? others : args
  for (;;) {
    const [word, ...after] = rest
    if (word === undefined || word.startsWith('-')) {
      const asked = helps || word === '--help' || word === '-h'
      if (word !== undefined && !asked) {
        notes.line(`${name}: unknown option ${word}; options follow the command`)
        notes.line()
      }
      writeGroupHelp(asked ? out : notes, name, summary, commands)
      return asked ? 0 : 2
    }
    const entry = Object.hasOwn(commands, word) ? commands[word]! : undefined
    if (entry === undefined) {
      const known = Object.keys(commands)
      notes.line(`${name}: unknown command ${JSON.stringify(word)}${suggestion(word, known)}`)
      notes.line()
      writeGroupHelp(notes, name, summary, commands)
      return 2
    }
    name = `${name} ${word}`
    rest = after
    if ('command' in entry) {
      const { command } = await entry.command()
      if (helps || wantsHelp(rest)) {
        writeCommandHelp(out, name, command)
        return 0
      }
      return run(name, command, rest, session)
    }
    summary = entry.summary
    commands = (await entry.group()).commands
  }
}

async function run(
  name: string,
  command: Command,
  args: readonly string[],
  { out, notes, stopped }: Session,
): Promise<number> {
  let parsed: ParsedArguments | undefined
  try {
    parsed = parseArguments(command, args)
    let signal: AbortSignal | undefined
    return await command.run({
      ...parsed,
      // The declaration that they were read by says which of them are lists, and which may be absent.
      positionals: parsed.positionals as readonly string[],
      name,
      out,
      notes,
      stop() {
        if (signal === undefined) {
          signal = stopSignal(out.sink.gone)
          const stop = (): void => stopped.abort()
          if (signal.aborted) stop()
          else signal.addEventListener('abort', stop)
        }
        return signal
      },
    })
  } catch (error) {
    if (error instanceof UsageError) {
      notes.line(`${name}: ${error.message}`)
      notes.line(`Run '${name} --help' for details`)
      return 2
    }
    if (parsed?.json !== true) writeFailure(notes, name, error)
    else if (command.json.form === 'document') out.document({ error: failureFacts(error) })
    else out.record({ error: failureFacts(error) })
    return 1
  }
}
