/**
 * Reading the Test Anything Protocol as ava prints it.
 *
 * @module
 */

/** What came of one test. */
export interface TapTest {
  /** File and title: `maps › a missing key is undefined`. */
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'skipped'
  /** Why it was skipped, or what failed. */
  readonly detail: string
}

/** Collects tests from lines of TAP, as they come. */
export class TapReader {
  readonly tests: TapTest[] = []
  #detail: string[] = []

  /** Takes one line. */
  line(line: string): void {
    const match = /^(not ok|ok) \d+ - (.*?)(?:\s+# (SKIP|TODO)(.*))?$/.exec(line)
    if (match === null) {
      if (/^\s+/.test(line)) this.#detail.push(line)
      return
    }
    this.#attachDetail()
    const [, ok, name = '', directive, reason = ''] = match
    const outcome = directive !== undefined ? 'skipped' : ok === 'ok' ? 'passed' : 'failed'
    this.tests.push({ name, outcome, detail: reason.trim() })
  }

  /** Call at the end. */
  end(): void {
    this.#attachDetail()
  }

  /** The indented lines after a failed test say what failed. */
  #attachDetail(): void {
    const last = this.tests.at(-1)
    if (last?.outcome === 'failed' && this.#detail.length > 0) {
      this.tests[this.tests.length - 1] = { ...last, detail: this.#detail.join('\n') }
    }
    this.#detail = []
  }
}
