/**
 * Tests of the kernel ring as they are declared: which kernels each is for, known without running it.
 *
 * @module
 */

import { parseKernelVersion } from '../../src/kernel/version.ts'

/**
 * Among the needs of a test: it runs on every kernel of the matrix. Such tests compare what the library knows of each version
 * with the kernel.
 */
export const EVERY_KERNEL = 'every kernel'

/** A test of the kernel ring. */
export interface DeclaredTest {
  /** Name of its file: `'maps/batch'`. */
  readonly file: string
  readonly title: string
  /** First kernel that has all it needs: `'5.6'`; `undefined` when no version says so; or {@link EVERY_KERNEL}. */
  readonly since: string | undefined
}

/** Versions of kernels, from one to another. */
export interface VersionRange {
  /** The last one before the range; `undefined`: it has no beginning. */
  readonly after: string | undefined
  /** The last one of the range. */
  readonly upTo: string
}

/** Environment variable with the range of the tests to run: `5.10..6.1`, `..5.10`. */
export const RANGE_VARIABLE = 'EBPF_TS_TEST_RANGE'

/** The range as the environment variable has it. */
export function formatRange({ after, upTo }: VersionRange): string {
  return `${after ?? ''}..${upTo}`
}

/** Reads {@link formatRange}. */
export function parseRange(text: string): VersionRange {
  const [after = '', upTo = ''] = text.split('..')
  return { after: after === '' ? undefined : after, upTo }
}

/** Whether a test belongs to a range by the first kernel that has what it needs; one that needs none, to the first range. */
export function inRange(since: string | undefined, { after, upTo }: VersionRange): boolean {
  if (since === EVERY_KERNEL) return true
  if (since === undefined) return after === undefined
  const { code } = parseKernelVersion(since)
  return (
    (after === undefined || code > parseKernelVersion(after).code) && code <= parseKernelVersion(upTo).code
  )
}

/** The first kernel that has all of some needs: the newest of their first kernels; or {@link EVERY_KERNEL}. */
export function sinceOf(
  needs: readonly (string | { readonly since: string | undefined })[],
): string | undefined {
  if (needs.includes(EVERY_KERNEL)) return EVERY_KERNEL
  const versions = needs.flatMap(need =>
    typeof need === 'string' || need.since === undefined ? [] : [need.since],
  )
  const code = (version: string): number => parseKernelVersion(version).code
  return versions.sort((a, b) => code(a) - code(b)).at(-1)
}

/** Called with each test instead of running any; set by what lists them. */
let listener: ((title: string, since: string | undefined) => void) | undefined

/** From now on tests are declared to a function, and do not run. */
export function listTests(to: (title: string, since: string | undefined) => void): void {
  listener = to
}

/** Whether to run a test now: tests are not being listed, and it belongs to the range of the environment. */
export function isWanted(title: string, since: string | undefined): boolean {
  if (listener !== undefined) {
    listener(title, since)
    return false
  }
  const range = process.env[RANGE_VARIABLE]
  return range === undefined || inRange(since, parseRange(range))
}
