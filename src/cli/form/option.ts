/**
 * Options of commands: what they are called is a key of the command's declaration, what they mean stands here.
 *
 * @module
 */

import { UsageError } from './usage-error.ts'

/** An option with a value of type `T`. */
export interface Option<T> {
  /** As `parseArgs` of `node:util` has it. */
  readonly type: 'boolean' | 'string'
  /** One letter: `'h'` for `-h`. */
  readonly short?: string
  /** What its value is called in the usage: `'FILE'`. */
  readonly placeholder?: string
  /** What it does, for the usage: `'stop after N records'`. */
  readonly help: string
  /**
   * The value.
   *
   * @param given the texts after each of its occurrences; empty texts for a flag
   * @param name with its dashes, for messages
   * @throws UsageError
   */
  read(given: readonly string[], name: string): T
}

/** Options of a command by their names. */
export type Options = Readonly<Record<string, Option<unknown>>>

/** The values of some options. */
export type ValuesOf<O extends Options> = {
  readonly [Name in keyof O]: O[Name] extends Option<infer T> ? T : never
}

/** An option without a value: `--json`. */
export function flag(help: string, short?: string): Option<boolean> {
  return {
    type: 'boolean',
    ...(short === undefined ? {} : { short }),
    help,
    read: given => given.length > 0,
  }
}

/** An option with a text: `--btf FILE`. */
export function text(placeholder: string, help: string): Option<string | undefined> {
  return { type: 'string', placeholder, help, read: given => given.at(-1) }
}

/** An option that may be repeated: `--set NAME=VALUE`. */
export function texts(placeholder: string, help: string): Option<readonly string[]> {
  return { type: 'string', placeholder, help: `${help}; may be repeated`, read: given => given }
}

/** An option with a positive number: `--count N`. */
export function count(placeholder: string, help: string): Option<number | undefined> {
  return number(placeholder, help, /^[1-9]\d{0,8}$/, 'a positive number')
}

/** An option with a time: `--duration 2.5`. */
export function seconds(placeholder: string, help: string): Option<number | undefined> {
  return number(placeholder, help, /^(?!0*(?:\.0*)?$)\d{1,7}(?:\.\d{1,3})?$/, 'a number of seconds')
}

/** @param what numbers of the pattern are, in words */
function number(
  placeholder: string,
  help: string,
  pattern: RegExp,
  what: string,
): Option<number | undefined> {
  return {
    type: 'string',
    placeholder,
    help,
    read(given, name) {
      const last = given.at(-1)
      if (last === undefined) return undefined
      if (!pattern.test(last)) throw new UsageError(`${name} needs ${what}, not ${JSON.stringify(last)}`)
      return Number(last)
    },
  }
}

/** An option with one of some words: `--mode MODE`. */
export function choice<const T extends string>(
  placeholder: string,
  words: readonly T[],
  help: string,
): Option<T | undefined> {
  return {
    type: 'string',
    placeholder,
    help,
    read(given, name) {
      const last = given.at(-1)
      if (last === undefined) return undefined
      const found = words.find(each => each === last)
      if (found === undefined)
        throw new UsageError(`${name} needs one of ${words.join(', ')}, not ${JSON.stringify(last)}`)
      return found
    },
  }
}
