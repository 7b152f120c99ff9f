/**
 * Attaching the programs of a collection by their section names.
 *
 * @module
 */

import { BpfError } from '../errors.ts'
import { attachBySection, type Link } from '../links/index.ts'
import type { Program } from '../programs/index.ts'
import { Cleanup } from './cleanup.ts'

/** How to attach a collection. */
export interface AttachOptions {
  /**
   * What to do with a program that cannot be attached: `'throw'` detaches the others again and throws;
   * `'collect'` goes on, and reports it in `skipped`. Default: `'throw'`.
   */
  onError?: 'throw' | 'collect'
}

/** A program that was attached. */
export interface AttachedProgram {
  readonly program: Program
  readonly link: Link
  /** What it was attached to, in words: `'raw tracepoint sched_switch'`. */
  readonly target: string
}

/** A program that was not attached, and why. */
export interface SkippedProgram {
  readonly program: Program
  readonly reason: BpfError
}

/** What came of attaching a collection; closing it detaches everything. */
export class Attachments implements Disposable, Iterable<Link> {
  /** What is attached, in the order of the collection. */
  readonly programs: readonly AttachedProgram[]
  /**
   * What is not: programs whose section names no hook that can be attached to without more being said
   * (such as XDP, which needs a device), and with `onError: 'collect'` those that failed.
   */
  readonly skipped: readonly SkippedProgram[]

  /** @internal */
  constructor(programs: readonly AttachedProgram[], skipped: readonly SkippedProgram[]) {
    this.programs = programs
    this.skipped = skipped
  }

  *[Symbol.iterator](): Iterator<Link> {
    for (const { link } of this.programs) yield link
  }

  /** Detaches everything, in reverse order. */
  close(): void {
    using cleanup = new Cleanup()
    for (const { link } of this.programs) cleanup.add(link)
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

/** Attaches programs by their section names. */
export function attachAll(programs: Iterable<Program>, options: AttachOptions): Attachments {
  using cleanup = new Cleanup()
  const links: AttachedProgram[] = []
  const skipped: SkippedProgram[] = []
  for (const program of programs) {
    try {
      const attached = attachBySection(program)
      if ('reason' in attached) skipped.push({ program, reason: attached.reason })
      else links.push({ program, link: cleanup.add(attached.link), target: attached.target })
    } catch (error) {
      if (options.onError !== 'collect' || !(error instanceof BpfError)) throw error
      skipped.push({ program, reason: error })
    }
  }
  cleanup.release()
  return new Attachments(links, skipped)
}
