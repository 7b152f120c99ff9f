/**
 * Profiles for a terminal: the functions that take most, and the hottest path. Pure.
 *
 * @module
 */

import { basename } from 'node:path'
import { printable } from '../base/text.ts'
import { type FunctionCount, type PathStep, summarizeStacks } from '../charts/stacks/summary.ts'
import { profileNotes, profileTitle } from './files.ts'
import type { Profile } from './profile-result.ts'
import { percent, time } from './words.ts'

/** Functions and processes that are shown. */
const FUNCTIONS = 20
const PROCESSES = 10
/** Steps of the path: those in the middle of a longer one are left out. */
const STEPS = 30

/** The report, several lines. Names are escaped. */
export function formatProfile(profile: Profile): string {
  const [taken, ...hints] = profileNotes(profile)
  const blocks = [`${profileTitle(profile)}\n${taken}`]
  if (profile.samples === 0) {
    blocks.push(
      profile.mode === 'cpu' ? 'No samples: nothing ran that was asked for.' : 'No waits ended in this time.',
    )
  } else {
    const { total, functions, hottestPath } = summarizeStacks(profile.stacks)
    // The name of a thread, with which stacks begin, takes nothing itself.
    const real = functions.filter(({ self }) => self > 0).slice(0, FUNCTIONS)
    blocks.push(`Functions by their own ${unitWord(profile)}\n\n${functionTable(profile, real, total)}`)
    blocks.push(`Hottest path\n\n${shortened(pathLines(hottestPath, total)).join('\n')}`)
    if (profile.processes.length > 1) blocks.push(`Processes\n\n${processTable(profile, total)}`)
  }
  if (hints.length > 0) blocks.push(`Hints\n\n${hints.map(each => `  ${each}`).join('\n')}`)
  return `${blocks.join('\n\n')}\n`
}

/** A line for each step; a function that calls itself has one. */
function pathLines(path: readonly PathStep[], total: number): string[] {
  const lines: { text: string; times: number; share: string }[] = []
  for (const { name, file, count } of path) {
    const text = `${name}${place(file)}`
    const last = lines.at(-1)
    if (last?.text === text) last.times++
    else lines.push({ text, times: 1, share: percent(count, total) })
  }
  return lines.map(
    ({ text, times, share: part }) =>
      `${part.padStart(8)}  ${text}${times === 1 ? '' : `, ${times} calls deep`}`,
  )
}

function unitWord({ unit }: Profile): string {
  return unit === 'samples' ? 'samples' : 'time'
}

function functionTable({ unit }: Profile, functions: readonly FunctionCount[], total: number): string {
  const rows = functions.map(({ name, file, self, total: all }) => [
    percent(self, total),
    percent(all, total),
    unit === 'samples' ? String(self) : time(self),
    `${name}${place(file)}`,
  ])
  return table([['self', 'total', unit === 'samples' ? 'samples' : 'time', 'function'], ...rows])
}

function processTable({ processes, unit }: Profile, total: number): string {
  const rows = processes
    .slice(0, PROCESSES)
    .map(({ pid, name, value }) => [
      percent(value, total),
      unit === 'samples' ? String(value) : time(value),
      String(pid),
      printable(name),
    ])
  const more = processes.length - rows.length
  const text = table([['share', unit === 'samples' ? 'samples' : 'time', 'pid', 'name'], ...rows])
  return more > 0 ? `${text}\n  and ${more} more` : text
}

/** Columns that are aligned to the right, but for the last. */
function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]!.length), 0),
  )
  return rows
    .map(row =>
      row
        .map((cell, column) => (column === row.length - 1 ? cell : cell.padStart(widths[column]!)))
        .join('  '),
    )
    .map(line => `  ${line}`)
    .join('\n')
}

function place(file: string): string {
  return file === '' ? '' : `  (${basename(file)})`
}

function shortened(lines: readonly string[]): readonly string[] {
  if (lines.length <= STEPS) return lines
  const half = STEPS / 2
  const left = lines.length - STEPS
  return [...lines.slice(0, half), `          … ${left} more frames`, ...lines.slice(-half)]
}
