/**
 * Something that makes system calls and file operations, to be done while they fail.
 *
 * @module
 */

import { rmSync } from 'node:fs'
import type { Feature } from '../../src/kernel/probes/probe.ts'
import type { Requirement } from '../../test/support/requirements.ts'

/** Takes what is made, to be disposed of when the scenario is over; returns it. */
export type Keep = <D extends Disposable>(made: D) => D

/** Something that makes system calls and file operations. */
export interface Scenario {
  readonly name: string
  readonly needs?: readonly (Feature | Requirement)[]
  /** It takes a second: `npm run faults` has it, and no test. */
  readonly slow?: boolean
  /** It needs what the host may lack: the test runs it in a guest. */
  readonly guest?: boolean
  /**
   * Does it.
   *
   * @param bpffs an empty directory on a bpffs, which must be empty again in the end
   */
  act(keep: Keep, bpffs: string): unknown
}

/** Removes pins that a step made which did not fail. */
export function removing(path: string): Disposable {
  return { [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
