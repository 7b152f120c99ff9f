/**
 * Arguments of a command, by its declaration.
 *
 * @module
 */

import { parseArgs } from 'node:util'
import { suggestion } from '../../base/index.ts'
import type { Command } from './command.ts'
import { flag, type Options } from './option.ts'
import { UsageError } from './usage-error.ts'

/** What every command has besides its own options. */
export const helpOption: ReturnType<typeof flag> = flag('print this text', 'h')

/** All options of a command, as the usage lists them. */
export function allOptions({ options, json }: Command): Options {
  return { ...options, json: flag(json.help), help: helpOption }
}

/** Arguments as a command takes them. */
export interface ParsedArguments {
  readonly values: Readonly<Record<string, unknown>>
  readonly positionals: readonly (string | readonly string[] | undefined)[]
  readonly json: boolean
}

/** Whether arguments ask for the usage; then nothing else in them matters. */
export function wantsHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--')
  return (end === -1 ? args : args.slice(0, end)).some(each => each === '--help' || each === '-h')
}

/**
 * Reads arguments.
 *
 * @throws UsageError
 */
export function parseArguments(command: Command, args: readonly string[]): ParsedArguments {
  const options = allOptions(command)
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(
      Object.entries(options).map(([name, { type, short }]) => [
        name,
        short === undefined ? { type } : { type, short },
      ]),
    ),
    // What is wrong is said below, in words of ours.
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const given = new Map<string, string[]>()
  const words: string[] = []
  for (const token of tokens) {
    if (token.kind === 'positional') words.push(token.value)
    if (token.kind !== 'option') continue
    const text = textAfter(token, options)
    given.set(token.name, [...(given.get(token.name) ?? []), text])
  }
  for (const names of command.exclusive ?? []) {
    const together = names.filter(name => given.has(name))
    if (together.length > 1) throw new UsageError(`--${together.join(' and --')} cannot be used together`)
  }
  const {
    json,
    help: _,
    ...values
  } = Object.fromEntries(
    Object.entries(options).map(([name, option]) => [name, option.read(given.get(name) ?? [], `--${name}`)]),
  )
  return { values, positionals: arrange(command.positionals, words), json: json === true }
}

interface OptionToken {
  readonly name: string
  /** As it was written: `-h`, `--help`. */
  readonly rawName: string
  readonly value: string | undefined
  readonly inlineValue: boolean | undefined
}

/** The text of an option, empty for a flag. */
function textAfter({ name, rawName, value, inlineValue }: OptionToken, options: Options): string {
  const option = Object.hasOwn(options, name) ? options[name] : undefined
  if (option === undefined) {
    throw new UsageError(`unknown option ${rawName}${suggestion(name, Object.keys(options), '--')}`)
  }
  if (option.type === 'boolean') {
    if (value !== undefined)
      throw new UsageError(`${rawName} takes no value, but has ${JSON.stringify(value)}`)
    return ''
  }
  if (value === undefined) throw new UsageError(`${rawName} needs a value: ${rawName} ${option.placeholder}`)
  if (inlineValue !== true && value.length > 1 && value.startsWith('-')) {
    throw new UsageError(`${rawName} needs a value, not ${value}; for that value write ${rawName}=${value}`)
  }
  return value
}

/** A positional argument by its declaration. */
interface Positional {
  readonly name: string
  readonly optional: boolean
  readonly many: boolean
}

function positionalOf(declared: string): Positional {
  const optional = declared.startsWith('[')
  const inner = optional ? declared.slice(1, -1) : declared
  const many = inner.endsWith('...')
  return { name: many ? inner.slice(0, -3) : inner, optional, many }
}

function arrange(
  declared: readonly string[],
  words: readonly string[],
): (string | readonly string[] | undefined)[] {
  const positionals = declared.map(positionalOf)
  const missing = positionals.find(({ optional }, i) => !optional && words[i] === undefined)
  if (missing !== undefined) throw new UsageError(`${missing.name} is missing`)
  const extra = positionals.at(-1)?.many === true ? undefined : words[positionals.length]
  if (extra !== undefined) throw new UsageError(`unexpected argument ${JSON.stringify(extra)}`)
  return positionals.map(({ many }, i) => (many ? words.slice(i) : words[i]))
}
