/**
 * Prints the elements of maps: of those that programs count in.
 *
 * @module
 */

import { inspect } from 'node:util'
import { histogramText, log2Histogram } from '../../charts/index.ts'
import { BpfError, type BpfMap } from '../../index.ts'
import type { Output } from '../output/output.ts'

/** Types of maps whose elements have keys and are not objects of the kernel. */
const TYPES: ReadonlySet<unknown> = new Set([
  'hash',
  'array',
  'percpu_hash',
  'percpu_array',
  'lru_hash',
  'lru_percpu_hash',
  'lpm_trie',
])
/** Elements that are shown of a map; `--json` has all. */
const SHOWN = 100

type Counts = readonly (number | bigint)[]
/** A value that is a histogram: the slots are counted from 0, as programs of libbpf-tools have it. */
interface Slots {
  readonly slots: Counts
}

/** Prints maps, typed where their types are known. */
export class MapPrinter {
  readonly #out: Output
  readonly #json: boolean
  readonly #maps: readonly BpfMap<unknown, unknown>[]

  /** @param maps of an object; those that are not for counting are left out, and so are global variables */
  constructor(out: Output, json: boolean, maps: Iterable<BpfMap<unknown, unknown>>) {
    this.#out = out
    this.#json = json
    // Names in C have no dots: maps with one are data sections.
    this.#maps = [...maps]
      .filter(({ type, name }) => TYPES.has(type) && !name.includes('.'))
      .map(each => each.decoded({ untyped: 'bytes' }))
  }

  /** Names of the maps that are printed. */
  get names(): string[] {
    return this.#maps.map(({ name }) => name)
  }

  /** Prints all. A map that cannot be read is said to be so. */
  readonly print = (): void => {
    for (const map of this.#maps) {
      try {
        this.#printMap(map)
      } catch (error) {
        // Types of another size than the map has are a RangeError.
        if (!(error instanceof BpfError || error instanceof RangeError)) throw error
        const { message } = error
        if (this.#json) this.#out.record({ map: map.name, error: message })
        else this.#out.line(`${map.name}: ${message}`)
      }
    }
  }

  #printMap(map: BpfMap<unknown, unknown>): void {
    const entries = [...map.entries()]
    if (this.#json) {
      this.#out.record({ map: map.name, entries: entries.map(([key, value]) => ({ key, value })) })
      return
    }
    // Arrays have all their elements from the start.
    const isArray = map.type === 'array' || map.type === 'percpu_array'
    const used = isArray ? entries.filter(([, value]) => !isZero(value)) : entries
    this.#out.line(`${map.name}: ${used.length} ${used.length === 1 ? 'entry' : 'entries'}`)
    if (used.length > 0 && used.every(([, value]) => isSlots(value))) {
      this.#printHistograms(used as [unknown, Slots][], isArray)
      return
    }
    const shown = used.map(([key, value]) => [key, summed(map.type, value)] as const)
    if (shown.every(([, value]) => isInteger(value)))
      shown.sort(([, a], [, b]) => compare(b as number | bigint, a as number | bigint))
    for (const [key, value] of shown.slice(0, SHOWN)) this.#out.line(`  ${text(key)} = ${text(value)}`)
    if (shown.length > SHOWN) this.#out.line(`  and ${shown.length - SHOWN} more`)
  }

  #printHistograms(entries: readonly (readonly [unknown, Slots])[], isArray: boolean): void {
    const only = entries.length === 1 && isArray ? entries[0] : undefined
    if (only !== undefined) {
      this.#out.text(histogramText(log2Histogram(only[1].slots, { firstSlot: 0 })))
      return
    }
    const rows = entries.flatMap(([key, { slots }]) =>
      slots.map((count, slot) => [{ name: text(key), slot }, count] as const),
    )
    const histogram = log2Histogram(rows, {
      firstSlot: 0,
      sections: { split: ({ name, slot }) => [name, slot], header: 'key' },
    })
    this.#out.text(histogramText(histogram))
  }
}

function text(value: unknown): string {
  return isInteger(value)
    ? String(value)
    : inspect(value, { breakLength: Number.POSITIVE_INFINITY, depth: null })
}

function isInteger(value: unknown): value is number | bigint {
  return typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value))
}

function isSlots(value: unknown): value is Slots {
  const slots = (value as Slots | null)?.slots
  return Array.isArray(slots) && slots.length > 0 && slots.every(each => isInteger(each) && each >= 0)
}

/** The sum of the counts of all CPUs; other values as they are. */
function summed(type: unknown, value: unknown): unknown {
  if (!String(type).includes('percpu') || !Array.isArray(value) || !value.every(isInteger)) return value
  const sum = value.reduce((total: bigint, each: number | bigint) => total + BigInt(each), 0n)
  return sum
}

function isZero(value: unknown): boolean {
  if (typeof value === 'string') return value === ''
  if (typeof value !== 'object' || value === null) return !value
  return Object.values(value).every(isZero)
}

function compare(a: number | bigint, b: number | bigint): number {
  return a < b ? -1 : a > b ? 1 : 0
}
