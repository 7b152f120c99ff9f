/**
 * Events of PMUs, as `perf list` has them: `cpu/event=0x3c,umask=0x1/`, `power/energy-pkg/`.
 *
 * A PMU says in sysfs which bits of `config` each of its terms has, and what its named events stand for.
 *
 * Source: Documentation/ABI/testing/sysfs-bus-event_source-devices-format and -events.
 *
 * @module
 */

import { readdirSync } from 'node:fs'
import { suggestion } from '../../base/nearest.ts'
import { readTextIfPresent } from '../read-text.ts'
import { PMUS, pmuType } from './pmu.ts'

/** The words of `struct perf_event_attr` that terms are in. */
export interface PmuConfig {
  readonly type: number
  readonly config: bigint
  readonly config1: bigint
  readonly config2: bigint
}

type Word = 'config' | 'config1' | 'config2'
const WORDS: readonly string[] = ['config', 'config1', 'config2'] satisfies Word[]
/** Events that events stand for: no PMU has any. */
const DEPTH = 4

/**
 * The numbers of an event.
 *
 * @param pmu such as `'cpu'`
 * @param terms such as `'event=0x3c,umask=1'`, or the name of an event
 * @throws RangeError when the kernel has no such PMU, it has no such event or term, or a value is not a number or has too many bits
 * @throws BpfError when its files cannot be read
 */
export function pmuEvent(pmu: string, terms: string): PmuConfig {
  const type = /^[\w.-]+$/.test(pmu) ? pmuType(pmu) : undefined
  if (type === undefined) {
    const known = pmuNames()
    throw new RangeError(`this machine has no PMU ${JSON.stringify(pmu)}${suggestion(pmu, known)}`)
  }
  const words: Record<Word, bigint> = { config: 0n, config1: 0n, config2: 0n }
  addTerms(pmu, terms, words, 0)
  return { type, ...words }
}

/** Names of the PMUs of this machine. */
export function pmuNames(): string[] {
  return list(PMUS)
}

function addTerms(pmu: string, terms: string, words: Record<Word, bigint>, depth: number): void {
  for (const term of terms.split(',')) {
    const [name = '', text] = term.trim().split('=')
    if (!/^[\w.-]+$/.test(name)) throw new RangeError(`${JSON.stringify(term)} is not a term of PMU ${pmu}`)
    const value = text === undefined ? undefined : numberOf(text)
    if (WORDS.includes(name) && value !== undefined) {
      words[name as Word] |= value
      continue
    }
    const format = readTextIfPresent(`${PMUS}/${pmu}/format/${name}`)
    if (format !== undefined) {
      spread(pmu, name, format, value ?? 1n, words)
      continue
    }
    const named = text === undefined ? readTextIfPresent(`${PMUS}/${pmu}/events/${name}`) : undefined
    if (named === undefined || depth === DEPTH) {
      const known = [...list(`${PMUS}/${pmu}/events`), ...list(`${PMUS}/${pmu}/format`)]
      throw new RangeError(`PMU ${pmu} has no event and no term ${name}${suggestion(name, known)}`)
    }
    addTerms(pmu, named, words, depth + 1)
  }
}

/** Puts the bits of a value where a format says: `config:0-7,32-35`. */
function spread(pmu: string, name: string, format: string, value: bigint, words: Record<Word, bigint>): void {
  const [, word, ranges] = /^(config[12]?):([\d,-]+)\s*$/.exec(format) ?? []
  if (word === undefined || ranges === undefined) {
    throw new RangeError(
      `the format of term ${name} of PMU ${pmu} is not known: ${JSON.stringify(format.trim())}`,
    )
  }
  let rest = value
  for (const range of ranges.split(',')) {
    const [first = Number.NaN, last = first] = range.split('-').map(Number)
    for (let bit = first; bit <= last && bit < 64; bit++) {
      words[word as Word] |= (rest & 1n) << BigInt(bit)
      rest >>= 1n
    }
  }
  if (rest !== 0n)
    throw new RangeError(`term ${name} of PMU ${pmu} has fewer bits than ${value}: ${format.trim()}`)
}

function numberOf(text: string): bigint {
  if (!/^(0x[\da-f]{1,16}|\d{1,19})$/i.test(text))
    throw new RangeError(`${JSON.stringify(text)} is not a number`)
  return BigInt(text)
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    // Sysfs is not mounted, or the PMU has no such directory.
    return []
  }
}
