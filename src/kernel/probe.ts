/**
 * Feature probes: small experiments that tell whether the running kernel has something. One mechanism for
 * all: a probe runs once, its answer is kept when it is certain, and it knows the first kernel that has it.
 *
 * @module
 */

import { NotSupportedError } from '../base/errors.ts'
import { isAtLeast } from './version.ts'

/** Answer of a probe. `'unknown'`: this process may not find out, or something else stood in the way. */
export type ProbeAnswer = 'yes' | 'no' | 'unknown'

/** Something that kernels have or lack. */
export interface Feature {
  /** What it is, as in "X is not supported by this kernel". */
  readonly name: string
  /** First kernel that has it, such as `'5.8'`; `undefined` when it does not depend on the version alone. */
  readonly since: string | undefined
  /** Whether the running kernel has it; a certain answer is kept. */
  probe(): ProbeAnswer
  /**
   * Does nothing unless the kernel lacks it for certain.
   *
   * @throws NotSupportedError when it does
   */
  require(): void
}

/**
 * Whether the kernel lacks a feature that depends on its version alone, and on nothing that it was built with. A kernel
 * of this version is not asked: the answer would take system calls. An older one is, as its makers may have added it.
 */
export function predates({ since, probe }: Feature): boolean {
  const known = since !== undefined && isAtLeast(since)
  return !known && probe() === 'no'
}

/**
 * Defines a feature.
 *
 * @param since first kernel that has it
 * @param experiment finds out; it must leave nothing behind
 */
export function defineFeature(
  name: string,
  since: string | undefined,
  experiment: () => ProbeAnswer,
): Feature {
  let answer: ProbeAnswer = 'unknown'
  const probe = (): ProbeAnswer => {
    if (answer === 'unknown') answer = experiment()
    return answer
  }
  return {
    name,
    since,
    probe,
    require: () => {
      if (probe() === 'no') throw new NotSupportedError(name, since)
    },
  }
}
