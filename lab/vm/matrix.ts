/**
 * The table of the kernel matrix: the outcome of each test on each kernel, and why some were skipped.
 *
 * @module
 */

import { addTimes, type FileTimes, slowestFiles } from '../test-runner/pace.ts'
import { addTally, emptyTally, type Tally, tallyLine } from '../test-runner/tally.ts'
import type { TapTest } from '../test-runner/tap.ts'
import { fileName, fileOf } from '../test-runner/test-names.ts'
import type { GuestResult } from './console.ts'

/** What came of the tests on one kernel. */
export interface KernelResult {
  /** Name of the kernel in the matrix. */
  readonly name: string
  /** Release of the kernel; `''` when it could not be prepared. */
  readonly release: string
  readonly tests: readonly TapTest[]
  /** Why the tests did not all run, or may not count: the guest panicked, hung, or stopped; with its last lines. */
  readonly failure: string | undefined
  /** From power on to power off. */
  readonly seconds: number
  /** How long each test file took. */
  readonly files: FileTimes
}

/** What came of a guest: a run that did not end well fails, whatever its tests say, and so does one without tests. */
export function kernelResult(
  { name, release }: Pick<KernelResult, 'name' | 'release'>,
  guest: GuestResult,
  tests: readonly TapTest[],
  files: FileTimes,
): KernelResult {
  const failed = tests.some(each => each.outcome === 'failed')
  // ava may fail without a failed test, such as when a file does not load.
  const unexplained =
    guest.exitCode !== 0 && !failed ? `ava ended with exit code ${guest.exitCode}` : undefined
  const reason = guest.failure ?? unexplained ?? (tests.length === 0 ? 'no test ran' : undefined)
  const last = guest.failure === undefined ? guest.output.slice(-LAST_LINES) : guest.console
  const failure = reason === undefined ? undefined : `${reason}; last lines:\n    ${last.join('\n    ')}`
  return { name, release, tests, seconds: guest.seconds, failure, files }
}

const LAST_LINES = 40

/**
 * Whether a guest died of the breakpoint that kernels put in place of code while they patch it: with several threads, QEMU
 * may still run one that is gone, and the kernel knows nothing of it.
 */
export function isEmulatorsFault({ failure }: KernelResult): boolean {
  return /^\[ *[\d.]+\] Oops: int3: /.test(failure ?? '')
}

/** The files that a guest which died has not finished. */
export function filesLeft(files: readonly string[], tests: readonly TapTest[]): readonly string[] {
  const last = tests.at(-1)
  const died = last === undefined ? 0 : files.findIndex(each => fileName(each) === fileOf(last))
  return files.slice(Math.max(0, died))
}

/** The results of a guest that died, and of one that went on. */
export function joined(first: KernelResult, second: KernelResult): KernelResult {
  const again = new Set(second.tests.map(fileOf))
  const before = first.tests.filter(each => !again.has(fileOf(each)))
  return {
    ...second,
    tests: [...before, ...second.tests],
    seconds: first.seconds + second.seconds,
    files: addTimes(first.files, second.files),
  }
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
      if (test === undefined) return ''
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
  for (const result of results) {
    const { name, seconds, files } = result
    lines.push(`${name}: ${tallyLine(tallyOf(result))} in ${Math.round(seconds)} s`)
    if (Object.keys(files).length > 0) lines.push(`  ${slowestFiles(files)}`)
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

/** Counts of the tests on one kernel; a guest that failed counts as one more failed test. */
export function tallyOf({ tests, failure }: KernelResult): Tally {
  const tally = emptyTally()
  for (const { outcome } of tests) tally[outcome]++
  if (failure !== undefined) tally.failed++
  return tally
}

/**
 * Counts of the matrix.
 *
 * @param never tests that had to run on some kernel, and ran on none: failed ones
 */
export function tallyMatrix(results: readonly KernelResult[], never: readonly string[] = []): Tally {
  const total = emptyTally()
  for (const each of results) addTally(total, tallyOf(each))
  total.failed += never.length
  return total
}
