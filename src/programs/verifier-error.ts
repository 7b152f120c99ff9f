/**
 * The error of a program that the verifier refused.
 *
 * @module
 */

import type { SourceLine } from '../asm/instruction.ts'
import { BpfError, type BpfErrorOptions } from '../base/errors.ts'

/** What a `VerifierError` knows besides its message. */
export interface VerifierErrorDetails {
  /** The verifier's whole log. */
  log: string
  /** The lines of the log that decide. */
  reason: readonly string[]
  /** The cause in one sentence, where it is known. */
  explanation?: string | undefined
  /** Index of the refused instruction, in 8-byte slots. */
  slot?: number | undefined
  /** Its source line, when the program has line info. */
  source?: SourceLine | undefined
}

/** The verifier refused a program. The message shows the deciding lines; `log` has all of them. */
export class VerifierError extends BpfError {
  /** The verifier's whole log, as far as it fitted into the largest buffer. */
  readonly log: string
  /** The lines of the log that decide. */
  readonly reason: readonly string[]
  /**
   * The cause in one sentence without a full stop: `'the kernel has no helper bpf_loop, which came with Linux 5.17'`,
   * `'it needs map stats, but that is not created (autocreate)'`; `undefined` when it is not known.
   */
  readonly explanation: string | undefined
  /** Index of the refused instruction, in 8-byte slots; `undefined` when the log names none. */
  readonly slot: number | undefined
  /** Source line of that instruction; `undefined` when the program has no line info. */
  readonly source: SourceLine | undefined

  static {
    VerifierError.prototype.name = 'VerifierError'
  }

  constructor(message: string, details: VerifierErrorDetails, options: BpfErrorOptions) {
    super(message, options)
    this.log = details.log
    this.reason = details.reason
    this.explanation = details.explanation
    this.slot = details.slot
    this.source = details.source
  }
}
