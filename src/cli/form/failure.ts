/**
 * What a command says when it fails: a message for people, or a document for programs.
 *
 * @module
 */

import { BpfError, NotSupportedError, ObjectFileError, VerifierError } from '../../index.ts'
import type { Output } from '../output/output.ts'

/** A failure that the command finds itself, without an error of the library. */
export class CommandFailure extends Error {
  /** Such as `'CLI_NOTHING_ATTACHED'`; docs/command-line.md lists them. */
  readonly code: string
  /** What else the document has. */
  readonly details: Readonly<Record<string, unknown>>

  static {
    CommandFailure.prototype.name = 'CommandFailure'
  }

  constructor(code: string, message: string, details: Readonly<Record<string, unknown>> = {}) {
    super(message)
    this.code = code
    this.details = details
  }
}

/** A failure as data. What is absent is `null`. */
export interface FailureFacts {
  /** An errno name, a code of `BpfError`, one of a command, or `'CLI_DEFECT'` for a defect of ours. */
  readonly code: string
  readonly message: string
  /** Positive. */
  readonly errno: number | null
  /** The system call or `bpf(2)` command that failed. */
  readonly syscall: string | null
  /** What to do instead. */
  readonly hint: string | null
  /** Members of the error's class; see docs/command-line.md. */
  readonly [member: string]: unknown
}

/** The facts about an error, as documents show them. */
export function failureFacts(error: unknown): FailureFacts {
  const { message, code, errno, syscall } = error as NodeJS.ErrnoException
  return {
    code: isExpected(error) && code !== undefined ? code : 'CLI_DEFECT',
    message: error instanceof Error ? message : String(error),
    errno: typeof errno === 'number' ? Math.abs(errno) : null,
    syscall: syscall ?? null,
    hint: error instanceof NotSupportedError ? (error.hint ?? null) : null,
    ...details(error),
  }
}

function details(error: unknown): Record<string, unknown> {
  if (error instanceof CommandFailure) return error.details
  if (error instanceof NotSupportedError) return { feature: error.feature, since: error.since ?? null }
  if (error instanceof ObjectFileError) {
    const { reason, file, section, offset } = error
    return { reason, file: file ?? null, section: section ?? null, offset: offset ?? null }
  }
  if (error instanceof VerifierError) {
    // Without the log, which can be megabytes.
    const { reason, slot, source } = error
    return { reason, slot: slot ?? null, source: source ?? null }
  }
  return {}
}

/** Whether an error is of the kernel, of a file, or of use; any other is a defect of this program. */
function isExpected(error: unknown): boolean {
  return (
    error instanceof BpfError ||
    error instanceof CommandFailure ||
    (error instanceof Error && 'syscall' in error)
  )
}

/**
 * Writes a failure for people.
 *
 * @param name of the command, with the tool's
 */
export function writeFailure(notes: Output, name: string, error: unknown): void {
  const text = isExpected(error) || !(error instanceof Error) ? failureFacts(error).message : error.stack
  // A name with a line break in it cannot make a line that looks like one of ours.
  const [first, ...others] = `${name}: ${text}`.split('\n')
  notes.line(first!)
  for (const line of others) notes.line(line.startsWith(' ') ? line : `    ${line}`)
}
