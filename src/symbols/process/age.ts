/**
 * How old something is that was read from procfs: it is not read again for each of some thousand look-ups.
 *
 * @module
 */

/** Milliseconds that something is taken to be as it was. */
const FRESH = 100

/** When something was read last. */
export class Age {
  #read = Number.NEGATIVE_INFINITY

  /** Whether it is to be read again, which is then taken to be done. */
  isOld(): boolean {
    const now = performance.now()
    if (now - this.#read < FRESH) return false
    this.#read = now
    return true
  }
}
