/**
 * What a benchmark found, as it is written to JSON and read back: every sample, and the machine it was taken on.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import { readRegularFile } from '../kernel/read-file.ts'
import type { BodyName } from './bodies.ts'
import type { Environment } from './environment.ts'
import type { Hits } from './rounds.ts'
import type { Summary } from './statistics.ts'

/** Says what the document is. */
export const FORMAT: ProbesDocument['format'] = 'ebpf-ts bench probes'
/** Raised when readers of the older one would misread it. */
export const FORMAT_VERSION: ProbesDocument['version'] = 1

/** Where the target is. */
export type Space = 'kernel' | 'user'

/** A row that was measured. */
export interface MeasuredRow {
  readonly name: string
  readonly space: Space
  readonly status: 'measured'
  /** Row whose time per call was subtracted; `null` for a base, whose cost is its time per call. */
  readonly base: string | null
  /** Runs of the program per call of the target; 0 for a base. */
  readonly hitsPerCall: number
  /** Hits of each round, which were exactly those expected. */
  readonly hits: readonly Hits[]
  /** Nanoseconds per call of the target, one sample per round, before the base was subtracted. */
  readonly nanosecondsPerCall: readonly number[]
  /** Nanoseconds per hit, one sample per round. */
  readonly samples: readonly number[]
  /** Nanoseconds per hit. */
  readonly cost: Summary
  /** Median cost divided by that of fentry; `null` without fentry, and for a base. */
  readonly ratioToFentry: number | null
  /** What the kernel chose, such as how it reaches a kprobe; `null` where it had no choice. */
  readonly note: string | null
}

/** A row without a number. */
export interface UnmeasuredRow {
  readonly name: string
  readonly space: Space
  /** `'missing'`: the kernel has no such thing, or does not allow it. `'failed'`: the measurement is void. */
  readonly status: 'missing' | 'failed'
  readonly reason: string
}

/** A row of the table. */
export type Row = MeasuredRow | UnmeasuredRow

/** How long it took to attach a program to many functions, and to detach it. */
export interface AttachTime {
  readonly method: string
  readonly functions: number
  /** Milliseconds to load the program or programs; `null` when it was not measured. */
  readonly loadMilliseconds: number | null
  readonly attachMilliseconds: number | null
  readonly detachMilliseconds: number | null
  /** Why it was not measured. */
  readonly reason: string | null
}

/** What was asked for. */
export interface Settings {
  readonly body: BodyName
  readonly rounds: number
  /** Time that a sample should take, in milliseconds; `null` when the number of runs was given instead. */
  readonly milliseconds: number | null
  /** Calls of the target per run of the driver. */
  readonly callsPerRun: number
}

/** A benchmark's document. */
export interface ProbesDocument {
  readonly format: 'ebpf-ts bench probes'
  readonly version: 1
  /** When it was begun: ISO 8601. */
  readonly time: string
  readonly settings: Settings
  readonly environment: Environment
  readonly rows: readonly Row[]
  /** Empty unless they were asked for. */
  readonly attachTimes: readonly AttachTime[]
}

/** The measured rows of a document. */
export function measuredRows({ rows }: Pick<ProbesDocument, 'rows'>): MeasuredRow[] {
  return rows.filter(row => row.status === 'measured')
}

/** The measured rows that are probes, not bases. */
export function measuredProbes(document: Pick<ProbesDocument, 'rows'>): MeasuredRow[] {
  return measuredRows(document).filter(({ base }) => base !== null)
}

/**
 * Reads a document back.
 *
 * @param text JSON
 * @param name what to call it in errors
 * @throws BpfError `ERR_INVALID_DOCUMENT` when it is not such a document
 */
export function parseProbesDocument(text: string, name: string): ProbesDocument {
  const invalid = (reason: string): BpfError =>
    new BpfError(`Cannot read ${name}: ${reason}`, { code: 'ERR_INVALID_DOCUMENT' })
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    throw invalid((error as Error).message)
  }
  const value = parsed
  if (!isRecord(value) || value.format !== FORMAT) throw invalid(`it was not written by '${FORMAT} --json'`)
  if (value.version !== FORMAT_VERSION) {
    throw invalid(`it is of version ${JSON.stringify(value.version)}, not ${FORMAT_VERSION}`)
  }
  const wrong = misfit(value)
  if (wrong !== undefined) throw invalid(`${wrong} is missing or of the wrong kind`)
  return parsed as ProbesDocument
}

/** Bytes that a document may have: a million samples have twenty million. */
const MAX_SIZE = 64 << 20

/**
 * Reads a document that `ebpf-ts bench probes --json` wrote.
 *
 * @throws BpfError with the errno's name as code when the file cannot be read, `ERR_NOT_A_FILE` when it is not a regular
 *   file, `EFBIG` when it is larger than 64 MiB, `ERR_INVALID_DOCUMENT` when it is something else
 */
export function readProbesDocument(path: string): ProbesDocument {
  return parseProbesDocument(readRegularFile(path, MAX_SIZE).toString('utf8'), path)
}

/** The first part that readers of a document count on and that is not there. */
function misfit(document: Record<string, unknown>): string | undefined {
  const { settings, environment, rows, attachTimes, time } = document
  if (typeof time !== 'string') return 'time'
  if (!isRecord(settings) || typeof settings.body !== 'string' || !Number.isInteger(settings.rounds)) {
    return 'settings'
  }
  if (!isRecord(environment) || typeof environment.kernel !== 'string') return 'environment'
  if (!Array.isArray(attachTimes)) return 'attachTimes'
  if (!Array.isArray(rows)) return 'rows'
  const at = rows.findIndex(row => !isRow(row))
  return at === -1 ? undefined : `rows[${at}]`
}

function isRow(row: unknown): boolean {
  if (!isRecord(row) || typeof row.name !== 'string' || !['kernel', 'user'].includes(String(row.space))) {
    return false
  }
  if (row.status === 'missing' || row.status === 'failed') return typeof row.reason === 'string'
  return (
    row.status === 'measured' &&
    (row.base === null || typeof row.base === 'string') &&
    isNumbers(row.samples) &&
    isRecord(row.cost) &&
    isNumbers(
      ['median', 'lowerQuartile', 'upperQuartile', 'least', 'greatest'].map(
        each => (row.cost as Record<string, unknown>)[each],
      ),
    )
  )
}

function isNumbers(value: unknown): boolean {
  return Array.isArray(value) && value.every(each => Number.isFinite(each))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
