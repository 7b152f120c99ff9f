/**
 * Calls of functions that the kernel does not have: a program may ask before it calls (`bpf_ksym_exists`), so they are
 * no error until the verifier reaches one.
 *
 * Source: libbpf `poison_kfunc_call`, `fixup_log_missing_kfunc_call`.
 *
 * @module
 */

/** `imm` of the first call of that kind; one that the verifier knows as no helper, and people can tell. */
const POISON = 2_002_000_000

/** A function that a program calls and the kernel lacks. */
export interface MissingKfunc {
  /** A number below a thousand million, unique in the program. */
  readonly index: number
  /** Name in the object. */
  readonly name: string
  /** Why there is no such function, as in "but ...". */
  readonly reason: string
}

/** Helper number that a call of a missing function gets. */
export function poisonedCall({ index }: Pick<MissingKfunc, 'index'>): number {
  return POISON + index
}

/**
 * What the verifier means when it refuses a poisoned call; `undefined` when it refused something else.
 *
 * @param log the verifier's log
 */
export function describeMissingKfunc(log: string, missing: readonly MissingKfunc[]): string | undefined {
  const number = /invalid func unknown#(\d+)/.exec(log)?.[1]
  const found = missing.find(each => poisonedCall(each) === Number(number))
  return found === undefined ? undefined : `it calls ${found.name}, but ${found.reason}`
}
