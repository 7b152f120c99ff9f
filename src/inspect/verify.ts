/**
 * What the running kernel's verifier says to each program of an object, loaded alone and never attached.
 *
 * Source: tools/testing/selftests/bpf/veristat.c `process_prog`, `parse_verif_log`.
 *
 * @module
 */

import { mapTypes, programTypes } from '../abi/generated/enums.ts'
import type { EnumTable } from '../abi/names.ts'
import { mapTypeSince, programTypeSince } from '../abi/since.ts'
import type { BpfErrorCode } from '../base/error-codes.ts'
import { BpfError } from '../base/errors.ts'
import { Collection } from '../collection/collection.ts'
import type { CollectionOptions } from '../collection/load.ts'
import type { CollectionSpec } from '../collection/spec.ts'
import { haveMapType } from '../kernel/probes/have-map-type.ts'
import { haveProgramType } from '../kernel/probes/have-program-type.ts'
import { VerifierError } from '../programs/verifier-error.ts'
import { formatSourceLine, verifierLogLines, withOwnStatistics } from '../programs/verifier-log.ts'
import { aloneSpec } from './alone.ts'

/** What the verifier counted (5.2). */
export interface VerifierStatistics {
  /** Instructions that it went through, on all ways together. */
  readonly instructions: number
  /** States that it kept. */
  readonly states: number
  /** Most states that it kept at once. */
  readonly peakStates: number
  /** How long it took, in microseconds. */
  readonly microseconds: number
}

/** Why a program was not loaded. */
export interface Refusal {
  /** Whether the verifier refused it; else it did not come so far. */
  readonly byVerifier: boolean
  /** Code of the error. */
  readonly code: BpfErrorCode
  /** The whole message. */
  readonly message: string
  /** The lines of the verifier's log that decide. */
  readonly reason: readonly string[]
  /** Source line of the refused instruction: `file:line: text`; `null` when unknown. */
  readonly source: string | null
  /** The cause in one sentence; `null` when it is unknown. */
  readonly cause: string | null
  /** The end of the log: what led to the refusal, without statistics. */
  readonly excerpt: readonly string[]
  /** The verifier's log; `''` when it is empty. */
  readonly log: string
}

/** What came of loading one program. */
export interface ProgramVerdict {
  readonly program: string
  readonly section: string | null
  /** Program type that it was loaded as. */
  readonly type: string | number
  readonly verdict: 'success' | 'failure'
  /** `null` when the verifier did not run, or the kernel does not count (before 5.2). */
  readonly statistics: VerifierStatistics | null
  /** `null` when it was loaded. */
  readonly refusal: Refusal | null
}

/** Lines of an excerpt. */
const EXCERPT = 12

/** How to verify; as when a collection is loaded. */
export type VerifyOptions = Omit<CollectionOptions, 'logLevel' | 'pinPath'>

/** `BPF_LOG_STATS` alone: what is counted, and why a program is refused. */
const STATISTICS = 4
/** With the way to the refused instruction as well. */
const DETAILS = 5

/**
 * Loads each program of an object alone, those that are not loaded by default too, and unloads it again. Nothing is
 * attached, and nothing is pinned.
 *
 * @returns one verdict after the other, in the order of the object
 */
export function* verifyObject(spec: CollectionSpec, options: VerifyOptions = {}): Generator<ProgramVerdict> {
  for (const name of [...spec.programs.keys()]) yield verifyProgram(spec, name, options)
}

/**
 * Loads one program of an object alone, and unloads it again.
 *
 * @throws BpfError when the object has no program of that name
 */
export function verifyProgram(
  spec: CollectionSpec,
  name: string,
  options: VerifyOptions = {},
): ProgramVerdict {
  const alone = aloneSpec(spec, name)
  const { type, sectionName } = alone.programs.get(name)
  const about = { program: name, section: sectionName ?? null, type }
  try {
    const log = load(alone, name, STATISTICS, options)
    return { ...about, verdict: 'success', statistics: parseStatistics(log), refusal: null }
  } catch (error) {
    // What an object says of itself can be of a type or range that nothing has.
    if (error instanceof TypeError || error instanceof RangeError)
      return { ...about, verdict: 'failure', statistics: null, refusal: invalidSpec(error) }
    if (!(error instanceof BpfError)) throw error
    const detailed = error instanceof VerifierError ? withDetails(alone, name, options, error) : error
    const statistics = error instanceof VerifierError ? parseStatistics(error.log) : null
    const refusal =
      detailed instanceof VerifierError ? verifierRefusal(detailed) : otherRefusal(detailed, alone, type)
    return { ...about, verdict: 'failure', statistics, refusal }
  }
}

function load(spec: CollectionSpec, name: string, logLevel: number, options: VerifyOptions): string {
  using collection = Collection.load(spec, { ...options, logLevel })
  // A struct_ops program that no map names is left out, which is not a failure.
  return collection.programs.has(name) ? collection.programs.get(name).verifierLog : ''
}

/** The same refusal with the instructions that led there. */
function withDetails(
  spec: CollectionSpec,
  name: string,
  options: VerifyOptions,
  first: VerifierError,
): BpfError {
  try {
    load(spec, name, DETAILS, options)
  } catch (error) {
    if (error instanceof VerifierError) return error
  }
  return first
}

function verifierRefusal(error: VerifierError): Refusal {
  const { code, message, log, reason, explanation, source } = error
  return {
    byVerifier: true,
    code,
    message,
    reason,
    source: source === undefined ? null : formatSourceLine(source),
    cause: explanation ?? null,
    excerpt: excerptOf(log),
    log,
  }
}

function excerptOf(log: string): string[] {
  return verifierLogLines(log)
    .filter(line => line !== '')
    .slice(-EXCERPT)
}

/** It did not come to the verifier. */
function otherRefusal({ code, message }: BpfError, spec: CollectionSpec, type: string | number): Refusal {
  const none = { reason: [], source: null, excerpt: [], log: '' }
  return {
    byVerifier: false,
    code,
    message,
    cause: missingType(spec, type) ?? ownReason(message) ?? null,
    ...none,
  }
}

/** A spec that cannot be loaded anywhere. */
function invalidSpec({ message }: Error): Refusal {
  const none = { reason: [], source: null, excerpt: [], log: '' }
  return { byVerifier: false, code: 'ERR_INVALID_SPEC', message, cause: null, ...none }
}

/** What the library says itself, without what it is about: that stands beside it. */
function ownReason(message: string): string | undefined {
  const said =
    /^(?:Cannot load (?:program .*?|the object):|Loading program .*? is not supported by this kernel;) ([^\n]+)/.exec(
      message,
    )
  // An errno in words does not explain anything.
  return said === null || /^[A-Z]/.test(said[1]!) ? undefined : said[1]
}

/** The type of a program or map that the kernel lacks for certain. */
function missingType(spec: CollectionSpec, type: string | number): string | undefined {
  const name = isName(programTypes, type) ? type : undefined
  if (name !== undefined && name !== 'unspec' && haveProgramType(name) === 'no')
    return `the kernel has no program type ${name}, which came with Linux ${programTypeSince[name]}`
  for (const map of spec.maps.values()) {
    if (isName(mapTypes, map.type) && haveMapType(map.type) === 'no')
      return `the kernel has no map type ${map.type}, which came with Linux ${mapTypeSince[map.type]}`
  }
  return undefined
}

function isName<T extends EnumTable>(table: T, value: string | number): value is keyof T & string {
  return typeof value === 'string' && Object.hasOwn(table, value)
}

/**
 * Reads what the verifier counted from its log.
 *
 * @param text the log
 * @returns `null` when the log does not tell: statistics were not asked for, or the kernel is older than 5.2
 */
export function parseStatistics(text: string): VerifierStatistics | null {
  const log = withOwnStatistics(text)
  const counts = /^processed (\d+) insns .* total_states (\d+) peak_states (\d+)/m.exec(log)
  if (counts === null) return null
  const [, instructions, states, peakStates] = counts.map(Number)
  const time = /^verification time (\d+) usec/m.exec(log)?.[1] ?? 0
  return { instructions: instructions!, states: states!, peakStates: peakStates!, microseconds: Number(time) }
}
