/**
 * The results of ring 2 on the host, kept for the kernel matrix: a test that is skipped on every kernel, the host's among
 * them, proves nothing.
 *
 * @module
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { isFresh } from './freshness.ts'
import type { TapTest } from './tap.ts'

const FILE = 'build/results/kernel.json'
const SOURCES = ['src', 'test'] as const

/** Keeps the results of a run of all files. A test that ran with one of several backends counts as one that ran. */
export function keepResults(tests: readonly TapTest[], file: string = FILE): void {
  const byName = new Map<string, TapTest>()
  for (const test of tests) {
    const known = byName.get(test.name)
    if (known === undefined || known.outcome === 'skipped' || test.outcome === 'failed')
      byName.set(test.name, test)
  }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, JSON.stringify([...byName.values()]))
}

/** Reads the results of the last run; `undefined` when there was none since a source or a test changed. */
export function readResults(
  file: string = FILE,
  sources: readonly string[] = SOURCES,
): readonly TapTest[] | undefined {
  return isFresh(file, sources) ? (JSON.parse(readFileSync(file, 'utf8')) as TapTest[]) : undefined
}
