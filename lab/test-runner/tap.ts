/**
 * Reading the Test Anything Protocol as ava prints it.
 *
 * @module
 */

/** What came of one test. */
export interface TapTest {
  /** File and title: `maps/elements › a missing key is undefined`. */
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Why it was skipped, or what failed. */
  readonly detail: string
}

/** What `kernelTest` puts between the title of a skipped test and the reason: ava's TAP has no place for one. */
export const SKIP_REASON = ' — skipped: '

const TEST_LINE = /^(not ok|ok) \d+ - (.*?)(?:\s+# (SKIP|TODO)(.*))?$/

/** Collects tests from lines of TAP, as they come. */
export class TapReader {
  readonly tests: TapTest[] = []
  readonly #onTest: ((test: TapTest) => void) | undefined
  readonly #nameOf: (title: string) => string
  #pending: TapTest | undefined
  #detail: string[] = []

  /**
   * @param onTest called with each test as soon as all its lines were seen
   * @param nameOf the name of a test by ava's title, as `testNamer` returns it; default: the title
   */
  constructor(onTest?: (test: TapTest) => void, nameOf: (title: string) => string = title => title) {
    this.#onTest = onTest
    this.#nameOf = nameOf
  }

  /** Takes one line. */
  line(line: string): void {
    const match = TEST_LINE.exec(line)
    if (match === null) {
      // The indented lines after a failed test say what failed; they end with "...".
      if (/^\s+\S/.test(line)) this.#detail.push(line)
      if (line.trimEnd() === '  ...') this.end()
      return
    }
    this.end()
    const [, ok, title = '', directive, comment = ''] = match
    const [shown, reason] = splitReason(title)
    const name = this.#nameOf(shown)
    if (directive !== undefined) {
      this.#pending = { name, outcome: 'skipped', detail: reason || comment.trim() }
      this.end()
    } else if (ok === 'ok') {
      this.#pending = { name, outcome: 'passed', detail: '' }
      this.end()
    } else this.#pending = { name, outcome: 'failed', detail: '' }
  }

  /** Call at the end. */
  end(): void {
    const test = this.#pending
    if (test !== undefined) {
      const complete = test.outcome === 'failed' ? { ...test, detail: this.#detail.join('\n') } : test
      this.tests.push(complete)
      this.#pending = undefined
      this.#onTest?.(complete)
    }
    this.#detail = []
  }
}

function splitReason(title: string): [name: string, reason: string] {
  const at = title.indexOf(SKIP_REASON)
  return at < 0 ? [title, ''] : [title.slice(0, at), title.slice(at + SKIP_REASON.length)]
}
