/**
 * What links to many functions of the kernel have in common.
 *
 * @module
 */

import type { OwnedFd } from '../../syscalls/fd.ts'
import { KernelLink } from '../link.ts'
import type { RejectedFunction } from './function-pattern.ts'

/** A link to many functions of the kernel. */
export abstract class ManyFunctionsLink extends KernelLink {
  /**
   * Functions that the pattern matches but that cannot be attached to. Empty for a link that was opened by id,
   * descriptor or pin: the kernel does not keep them.
   */
  readonly rejected: readonly RejectedFunction[]
  #count: number | undefined

  /**
   * @param count number of functions, where it is known
   * @param rejected what a pattern has left out
   *
   * @internal
   */
  constructor(fd: OwnedFd, count?: number, rejected: readonly RejectedFunction[] = []) {
    super(fd)
    this.#count = count
    this.rejected = rejected
  }

  /** Number of functions that it is attached to. */
  get count(): number {
    this.#count ??= this.countNow()
    return this.#count
  }

  /** Asks the kernel. */
  protected abstract countNow(): number
}
