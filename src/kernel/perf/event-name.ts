/**
 * Perf events by name, as `perf` has them: `cpu-clock`, `cycles`, `L1-dcache-load-misses`, `r1a8`, `sched:sched_switch`,
 * `cpu/event=0x3c/`; each with modifiers behind a colon, such as `cycles:u`.
 *
 * Source: tools/perf/util/parse-events.c `event_symbols_hw`, `event_symbols_sw`; tools/perf/util/evsel.c `evsel__hw_cache`;
 * tools/perf/Documentation/perf-list.txt.
 *
 * @module
 */

import { perfHardwareEvents, perfSoftwareEvents, perfTypes } from '../../abi/generated/enums.ts'
import { suggestion } from '../../base/nearest.ts'
import { traceEventId } from '../tracefs.ts'
import { pmuEvent } from './pmu-event.ts'

/** What a perf event counts. */
export interface PerfEventAttributes {
  /** Names it in messages. */
  readonly name: string
  /** `type` of `struct perf_event_attr`: a number of `enum perf_type_id`, or of a PMU. */
  readonly type: number
  readonly config: bigint
  readonly config1?: bigint
  readonly config2?: bigint
  readonly excludeUser?: boolean
  readonly excludeKernel?: boolean
  readonly excludeHypervisor?: boolean
  /** How precise addresses must be, 0 to 3. */
  readonly precise?: number
}

/** Other names of events than those of the kernel's enumerations. */
const HARDWARE_ALIASES: Readonly<Record<string, keyof typeof perfHardwareEvents>> = {
  cycles: 'cpu_cycles',
  branches: 'branch_instructions',
  'idle-cycles-frontend': 'stalled_cycles_frontend',
  'idle-cycles-backend': 'stalled_cycles_backend',
  'ref-cycles': 'ref_cpu_cycles',
}
const SOFTWARE_ALIASES: Readonly<Record<string, keyof typeof perfSoftwareEvents>> = {
  faults: 'page_faults',
  'minor-faults': 'page_faults_min',
  'major-faults': 'page_faults_maj',
  cs: 'context_switches',
  migrations: 'cpu_migrations',
}

/** `enum perf_hw_cache_id`, `perf_hw_cache_op_id`, `perf_hw_cache_op_result_id`, with perf's names of each, in lower case. */
const CACHES: readonly (readonly string[])[] = [
  ['l1-dcache', 'l1-d', 'l1d', 'l1-data'],
  ['l1-icache', 'l1-i', 'l1i', 'l1-instruction'],
  ['llc', 'l2'],
  ['dtlb', 'd-tlb', 'data-tlb'],
  ['itlb', 'i-tlb', 'instruction-tlb'],
  ['branch', 'branches', 'bpu', 'btb', 'bpc'],
  ['node'],
]
const OPERATIONS: readonly (readonly string[])[] = [
  ['load', 'loads', 'read'],
  ['store', 'stores', 'write'],
  ['prefetch', 'prefetches', 'speculative-read', 'speculative-load'],
]
const RESULTS: readonly (readonly string[])[] = [
  ['refs', 'reference', 'ops', 'access'],
  ['misses', 'miss'],
]

const [cacheNames, operationNames, resultNames] = [CACHES, OPERATIONS, RESULTS].map(each =>
  each.flat().join('|'),
)
const CACHE_EVENT = new RegExp(`^(${cacheNames})(?:-(${operationNames}))?(?:-(${resultNames}))?$`)

/** Numbers of events by perf's names. */
const hardware = byName(perfHardwareEvents, HARDWARE_ALIASES)
const software = byName(perfSoftwareEvents, SOFTWARE_ALIASES)

/**
 * What an event's name stands for.
 *
 * @param text such as `'cpu-clock'`, `'cycles:u'`, `'L1-dcache-load-misses'`, `'r1a8'`, `'sched:sched_switch'`,
 *   `'cpu/event=0x3c,umask=1/'`. Modifiers: `u`, `k`, `h` count only in user space, the kernel, the hypervisor; one to three `p`
 *   ask for precise addresses
 * @throws RangeError when no event has the name, or a modifier is not known
 * @throws BpfError with code `ENOENT` when the kernel has no such tracepoint, or tracefs is not mounted
 */
export function parsePerfEvent(text: string): PerfEventAttributes {
  const fail = (reason: string): never => {
    throw new RangeError(`Cannot find perf event ${JSON.stringify(text)}: ${reason}`)
  }
  const pmu = /^([\w.-]+)\/([^/]*)\/(?::?(\w+))?$/.exec(text)
  if (pmu !== null) {
    const [, name = '', terms = '', modifiers = ''] = pmu
    try {
      return { name: text, ...pmuEvent(name, terms), ...modified(modifiers) }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return fail(error.message)
    }
  }
  const [name = '', rest, ...more] = text.split(':')
  const numbers = numbersOf(name)
  try {
    if (numbers !== undefined) {
      if (more.length > 0) return fail('it has more than one colon')
      return { name: text, ...numbers, ...modified(rest ?? '') }
    }
    if (rest !== undefined && rest !== '' && name !== '' && more.length === 0) {
      return { name: text, type: perfTypes.tracepoint, config: BigInt(traceEventId(name, rest)) }
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return fail(error.message)
  }
  const known = [...hardware.keys(), ...software.keys()]
  return fail(`no event has this name${suggestion(name, known)}`)
}

function numbersOf(name: string): { type: number; config: bigint } | undefined {
  const clock = software.get(name)
  if (clock !== undefined) return { type: perfTypes.software, config: clock }
  const counter = hardware.get(name)
  if (counter !== undefined) return { type: perfTypes.hardware, config: counter }
  const raw = /^r([\da-f]{1,16})$/i.exec(name)?.[1]
  if (raw !== undefined) return { type: perfTypes.raw, config: BigInt(`0x${raw}`) }
  const cache = cacheEvent(name.toLowerCase())
  return cache === undefined ? undefined : { type: perfTypes.hw_cache, config: BigInt(cache) }
}

/** Reads and accesses are what is not said. */
function cacheEvent(name: string): number | undefined {
  const [found, cache = '', operation = 'load', result = 'refs'] = CACHE_EVENT.exec(name) ?? []
  if (found === undefined) return undefined
  return indexIn(CACHES, cache) | (indexIn(OPERATIONS, operation) << 8) | (indexIn(RESULTS, result) << 16)
}

function indexIn(lists: readonly (readonly string[])[], word: string): number {
  return lists.findIndex(each => each.includes(word))
}

/** What modifiers say: naming where to count excludes everywhere else. */
function modified(modifiers: string): Partial<PerfEventAttributes> {
  if (modifiers === '') return {}
  if (!/^[ukhp]+$/.test(modifiers))
    throw new RangeError(`${JSON.stringify(modifiers)} are not modifiers: u, k, h, p`)
  const has = (letter: string): boolean => modifiers.includes(letter)
  const precise = modifiers.replace(/[^p]/g, '').length
  if (precise > 3) throw new RangeError('events are at most 3 times precise')
  const somewhere = /[ukh]/.test(modifiers)
  return {
    ...(somewhere && { excludeUser: !has('u'), excludeKernel: !has('k'), excludeHypervisor: !has('h') }),
    ...(precise > 0 && { precise }),
  }
}

function byName<N extends string>(
  numbers: Readonly<Record<N, number>>,
  aliases: Readonly<Record<string, N>>,
): ReadonlyMap<string, bigint> {
  const own = Object.entries<number>(numbers).map(
    ([name, number]) => [name.replaceAll('_', '-'), number] as const,
  )
  const other = Object.entries(aliases).map(([name, kernel]) => [name, numbers[kernel]] as const)
  return new Map([...own, ...other].map(([name, number]) => [name, BigInt(number)]))
}
