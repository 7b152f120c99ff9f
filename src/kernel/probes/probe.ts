/**
 * Feature probes: small experiments that show whether the running kernel has something. One mechanism for all: a probe
 * runs once, its answer is kept when it is certain, and it knows the first kernel that has it.
 *
 * Answers are kept apart for each token: what the verifier lets a program do depends on the capabilities that count for
 * its token.
 *
 * @module
 */

import { errnos } from '../../base/errno.ts'
import { BpfError } from '../../base/errors.ts'
import { lacking } from '../lacking.ts'
import { resolveTokenForProbe } from '../tokens/automatic.ts'
import type { TokenHandle, TokenOptions } from '../tokens/handle.ts'
import { isAtLeast } from '../version.ts'

/** Answer of a probe. `'unknown'`: this process may not find out, or something else stood in the way. */
export type ProbeAnswer = 'yes' | 'no' | 'unknown'

/** The answers to questions of one kind, by question. */
export class Answers<K> {
  readonly #plain = new Map<K, ProbeAnswer>()
  readonly #byToken = new WeakMap<TokenHandle, Map<K, ProbeAnswer>>()

  /**
   * The answer to a question. A certain one is kept; `'unknown'` is asked again.
   *
   * @param option token to ask with
   * @param experiment finds out, with that token
   */
  ask(
    question: K,
    option: TokenOptions['token'],
    experiment: (token: TokenHandle | undefined) => ProbeAnswer,
  ): ProbeAnswer {
    const token = resolveTokenForProbe(option)
    const known = this.#of(token)
    let answer = known.get(question) ?? 'unknown'
    if (answer === 'unknown') {
      answer = attempt(experiment, token)
      known.set(question, answer)
    }
    return answer
  }

  #of(token: TokenHandle | undefined): Map<K, ProbeAnswer> {
    if (token === undefined) return this.#plain
    let known = this.#byToken.get(token)
    if (known === undefined) {
      known = new Map()
      this.#byToken.set(token, known)
    }
    return known
  }
}

/** The answer of an experiment; `'unknown'` when it cannot read what it must. */
function attempt(
  experiment: (token: TokenHandle | undefined) => ProbeAnswer,
  token: TokenHandle | undefined,
): ProbeAnswer {
  try {
    return experiment(token)
  } catch (error) {
    if (error instanceof BpfError && Object.hasOwn(errnos, error.code)) return 'unknown'
    throw error
  }
}

/** Something that kernels have or lack. */
export interface Feature {
  /** What it is, as in "X is not supported by this kernel". */
  readonly name: string
  /** First kernel that has it, such as `'5.8'`; `undefined` when it does not depend on the version alone. */
  readonly since: string | undefined
  /**
   * Whether the running kernel has it; a certain answer is kept, for each token.
   *
   * @param token to ask with; as `TokenOptions.token`
   */
  probe(token?: TokenOptions['token']): ProbeAnswer
  /**
   * Does nothing unless the kernel lacks it for certain.
   *
   * @param token to ask with; as `TokenOptions.token`
   * @throws NotSupportedError when it does
   */
  require(token?: TokenOptions['token']): void
}

/**
 * Whether the kernel lacks a feature that depends on its version alone, and on nothing that it was built with. A kernel
 * of this version is not asked: the answer would take system calls. An older one is, as its makers may have added it.
 */
export function predates({ since, probe }: Feature, token?: TokenOptions['token']): boolean {
  const known = since !== undefined && isAtLeast(since)
  return !known && probe(token) === 'no'
}

/**
 * Defines a feature.
 *
 * @param since first kernel that has it
 * @param experiment finds out, with a token where one is given; it must leave nothing behind
 */
export function defineFeature(
  name: string,
  since: string | undefined,
  experiment: (token: TokenHandle | undefined) => ProbeAnswer,
): Feature {
  const answers = new Answers<string>()
  const probe: Feature['probe'] = token => answers.ask(name, token, experiment)
  return {
    name,
    since,
    probe,
    require: token => {
      if (probe(token) === 'no') throw lacking(name, since)
    },
  }
}
