/**
 * The table of the kernel matrix: what came of each test on each kernel, and why some were skipped.
 *
 * @module
 */

import type { TapTest } from '../support/tap.ts'

/** What came of the tests on one kernel. */
export interface KernelResult {
  /** Name of the kernel in the matrix. */
  readonly name: string
  /** Release of the kernel; `''` when it could not be prepared. */
  readonly release: string
  readonly tests: readonly TapTest[]
  /** Why the tests did not all run: the guest panicked, hung, or stopped; with the last lines of its console. */
  readonly failure: string | undefined
  /** From power on to power off. */
  readonly seconds: number
}

const MARKS = { passed: 'ok', failed: 'FAILED', skipped: '-' } as const

/** Lays out the table; reasons for skips are numbered below it. */
export function formatMatrix(results: readonly KernelResult[]): string {
  const names = [...new Set(results.flatMap(({ tests }) => tests.map(({ name }) => name)))]
  const reasons = new Map<string, number>()
  const rows = names.map(name => [
    name,
    ...results.map(({ tests }) => {
      const test = tests.find(each => each.name === name)
      if (test === undefined) return 'none'
      if (test.outcome !== 'skipped') return MARKS[test.outcome]
      const number = reasons.get(test.detail) ?? reasons.size + 1
      reasons.set(test.detail, number)
      return `- [${number}]`
    }),
  ])
  const heading = ['', ...results.map(({ name }) => name)]
  const releases = ['kernel', ...results.map(({ release }) => release.replace(/-cloud-\w+$/, ''))]
  const lines = align([heading, releases, ...rows])
  for (const [reason, number] of reasons)
    lines.push(`[${number}] ${reason === '' ? 'no reason given' : reason}`)
  for (const { name, seconds, tests } of results) {
    const count = (outcome: TapTest['outcome']): number =>
      tests.filter(each => each.outcome === outcome).length
    lines.push(
      `${name}: ${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped in ${Math.round(seconds)} s`,
    )
  }
  return lines.join('\n')
}

function align(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map(row => row[column]!.length)))
  return rows.map(row =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  )
}

/** Tests that no kernel ran: they prove nothing. */
export function neverRun(results: readonly KernelResult[]): string[] {
  const ran = new Set<string>()
  const skipped = new Set<string>()
  for (const { tests } of results) {
    for (const { name, outcome } of tests) (outcome === 'skipped' ? skipped : ran).add(name)
  }
  return [...skipped].filter(name => !ran.has(name))
}
