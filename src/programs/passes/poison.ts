/**
 * The registry of poisoned instructions: what each of them needs and the kernel lacks, so that the error can say it
 * when the verifier reaches one.
 *
 * Source: libbpf `fixup_verifier_log`.
 *
 * @module
 */

/** A poisoned instruction. */
export interface Poison {
  /** Helper number of the call that stands in its place; several instructions may share one. */
  readonly number: number
  /** Its slot in the program. */
  readonly slot: number
  /** What it needs, and why that is missing: `'it needs map stats, but that is not created (autocreate)'`. */
  readonly explanation: string
}

/** The poisoned instructions of one program. */
export class Poisons {
  readonly #poisons: Poison[] = []

  /** Notes an instruction that was replaced. */
  add(poison: Poison): void {
    this.#poisons.push(poison)
  }

  /**
   * What the verifier means when it refuses a poisoned instruction.
   *
   * @param log the verifier's log
   * @returns `undefined` when it refused something else, or when the log does not have the instructions and so does not
   *   show which of several it refused
   */
  explain(log: string): string | undefined {
    const refused = /invalid func unknown#(\d+)/.exec(log)?.[1]
    if (refused === undefined) return undefined
    const candidates = this.#poisons.filter(({ number }) => number === Number(refused))
    const [first] = candidates
    if (candidates.every(({ explanation }) => explanation === first!.explanation)) return first?.explanation
    const slot = new RegExp(`(\\d+): \\(85\\) call unknown#${refused}\\s+invalid func`).exec(log)?.[1]
    return candidates.find(each => slot !== undefined && each.slot === Number(slot))?.explanation
  }
}
