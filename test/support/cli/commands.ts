/**
 * All commands of the tool.
 *
 * @module
 */

import { commands } from '../../../src/cli/commands/group.ts'
import type { Command, CommandTable } from '../../../src/cli/form/command.ts'

/** A command with its place in the tree. */
export interface PlacedCommand {
  /** `['bench', 'probes']`. */
  readonly words: readonly string[]
  /** Its line in lists. */
  readonly summary: string
  readonly command: Command
}

/** Every command, those of groups too. */
export async function allCommands(
  table: CommandTable = commands,
  before: readonly string[] = [],
): Promise<PlacedCommand[]> {
  const found: PlacedCommand[] = []
  for (const [word, entry] of Object.entries(table)) {
    const words = [...before, word]
    if ('group' in entry) found.push(...(await allCommands((await entry.group()).commands, words)))
    else found.push({ words, summary: entry.summary, command: (await entry.command()).command })
  }
  return found
}

/** Every group by its words; the tool itself has an empty list of them. */
export async function allGroups(
  table: CommandTable = commands,
  before: readonly string[] = [],
): Promise<[words: readonly string[], commands: CommandTable][]> {
  const found: [readonly string[], CommandTable][] = [[before, table]]
  for (const [word, entry] of Object.entries(table)) {
    if ('group' in entry) found.push(...(await allGroups((await entry.group()).commands, [...before, word])))
  }
  return found
}
