/**
 * All or nothing: what was created so far is closed again when a later step fails.
 *
 * @module
 */

/** Collects what must be disposed of, until `release` hands it over. */
export class Cleanup implements Disposable {
  #items: Disposable[] = []

  /** Adds something, and returns it. */
  add<T extends Disposable>(item: T): T {
    this.#items.push(item)
    return item
  }

  /** Lets go of everything: it stays. */
  release(): void {
    this.#items = []
  }

  /** Disposes of everything, the latest first; goes on past errors and throws the first. */
  [Symbol.dispose](): void {
    const items = this.#items.reverse()
    this.#items = []
    const errors: unknown[] = []
    for (const item of items) {
      try {
        item[Symbol.dispose]()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }
}
