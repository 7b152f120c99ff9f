/**
 * The usage texts: of a command by its declaration, of a group by its table.
 *
 * @module
 */

import type { Output } from '../output/output.ts'
import { styled } from '../output/span.ts'
import { columnsOf, fill } from '../output/width.ts'
import type { Command, CommandTable } from './command.ts'
import type { Option } from './option.ts'
import { allOptions } from './parse.ts'

/** Lines are no longer than this, however wide the terminal is. */
const WIDEST = 88
/** And no shorter. */
const NARROWEST = 40

function widthOf(output: Output): number {
  return Math.min(WIDEST, Math.max(NARROWEST, output.columns ?? WIDEST))
}

/**
 * Writes the usage of a command.
 *
 * @param name with the tool's: `'ebpf-ts bench probes'`
 */
export function writeCommandHelp(output: Output, name: string, command: Command): void {
  const width = widthOf(output)
  const forms = command.usage ?? [`${command.positionals.map(each => `${each} `).join('')}[OPTIONS]`]
  for (const [i, form] of forms.entries()) {
    output.line(styled('bold', i === 0 ? 'Usage:' : '      '), ` ${name} ${form}`)
  }
  for (const paragraph of command.description) {
    output.line()
    for (const line of fill(paragraph, width)) output.line(line)
  }
  section(output, 'Options')
  const options = Object.entries(allOptions(command)).map(
    ([option, declared]) => [optionText(option, declared), declared.help] as const,
  )
  definitions(output, options, width)
  for (const { title, text } of command.notes ?? []) {
    section(output, title)
    for (const line of fill(text, width - 2)) output.line(`  ${line}`)
  }
  section(output, 'Examples')
  for (const { line, does } of command.examples) {
    output.line(`  ${name}${line === '' ? '' : ` ${line}`}`)
    for (const each of fill(does, width - 6)) output.line(styled('dim', `      ${each}`))
  }
  output.line()
  const { done, failed } = command.exit
  for (const line of fill(`Exit code: 0 ${done}; 1 ${failed}; 2 on wrong use.`, width)) output.line(line)
}

/** `'-h, --help'`, `'--count N'`. */
function optionText(name: string, { short, placeholder }: Option<unknown>): string {
  return `${short === undefined ? '' : `-${short}, `}--${name}${placeholder === undefined ? '' : ` ${placeholder}`}`
}

/**
 * Writes the list of the commands of a group.
 *
 * @param name with the tool's: `'ebpf-ts bench'`
 */
export function writeGroupHelp(output: Output, name: string, summary: string, commands: CommandTable): void {
  output.line(styled('bold', 'Usage:'), ` ${name} COMMAND [ARGUMENTS]`)
  output.line()
  const width = widthOf(output)
  for (const line of fill(sentence(summary), width)) output.line(line)
  section(output, 'Commands')
  const entries = Object.entries(commands).map(
    ([each, entry]) => [`${each}${'group' in entry ? ' ...' : ''}`, entry.summary] as const,
  )
  definitions(output, entries, width)
  output.line()
  output.line(`Run '${name} COMMAND --help' for details.`)
}

/** `'Measure this kernel.'` */
function sentence(summary: string): string {
  return `${summary[0]!.toUpperCase()}${summary.slice(1)}.`
}

function section(output: Output, title: string): void {
  output.line()
  output.line(styled('bold', `${title}:`))
}

/** Terms, and what they mean beside them. */
function definitions(
  output: Output,
  entries: readonly (readonly [term: string, meaning: string])[],
  width: number,
): void {
  const column = 4 + Math.max(...entries.map(([term]) => columnsOf(term)))
  for (const [term, meaning] of entries) {
    for (const [i, line] of fill(meaning, width - column).entries()) {
      output.line(i === 0 ? `  ${term}`.padEnd(column) : ' '.repeat(column), line)
    }
  }
}
