/**
 * Rows of single elements.
 *
 * @module
 */

import { BpfMap } from 'ebpf-ts'
import { u32, u64 } from 'ebpf-ts/base'
import { possibleCpus } from 'ebpf-ts/kernel'
import { check, clock, rounds, type Setup } from '../work.ts'

const COUNT = 1000
const indexes: readonly number[] = Array.from({ length: COUNT }, (_, index) => index)

/** A map, with keys and values as a user has them at hand. */
interface Content<K, V> {
  readonly map: BpfMap<K, V>
  readonly keys: readonly K[]
  readonly values: readonly V[]
}

type Type = 'hash' | 'array'

/** The bytes of 64-bit words that are all the same. */
function wordBytes(count: number, word: number): Uint8Array {
  const bytes = new Uint8Array(8 * count)
  for (let at = 0; at < bytes.length; at += 8) bytes.set(keyBytes(8, word), at)
  return bytes
}

/** Bytes of a key: its index, then zeros. */
function keyBytes(size: number, index: number): Uint8Array {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < 4; i++) bytes[i] = index >>> (8 * i)
  return bytes
}

function asBytes(
  type: Type,
  maxEntries = COUNT,
  keySize = 4,
  valueSize = 8,
): Content<Uint8Array, Uint8Array> {
  return {
    map: BpfMap.create({ name: 'bench', type, keySize, valueSize, maxEntries }),
    keys: indexes.map(index => keyBytes(keySize, index)),
    values: indexes.map(index => wordBytes(valueSize / 8, index + 1)),
  }
}

function asNumbers(type: Type, maxEntries = COUNT): Content<number, bigint> {
  return {
    map: BpfMap.create({ name: 'bench', type, keySize: 4, valueSize: 8, maxEntries }).typed(u32, u64),
    keys: indexes,
    values: indexes.map(index => BigInt(index + 1)),
  }
}

function perCpu(): Content<Uint8Array, Uint8Array[]> {
  const cpus = possibleCpus().length
  return {
    map: BpfMap.create({ name: 'bench', type: 'percpu_hash', keySize: 16, valueSize: 64, maxEntries: COUNT }),
    keys: indexes.map(index => keyBytes(16, index)),
    values: indexes.map(index => Array.from({ length: cpus }, () => wordBytes(8, index + 1))),
  }
}

function fill<K, V>({ map, keys, values }: Content<K, V>): void {
  for (const index of indexes) map.set(keys[index]!, values[index]!)
}

/** What a value is compared by. */
function text(value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return Array.isArray(value) ? value.map(text).join() : String(value)
}

function checkContent<K, V>({ map, keys, values }: Content<K, V>): void {
  for (const index of indexes) {
    check(text(map.get(keys[index]!)) === text(values[index]), `the value of key ${index} is another`)
  }
}

function get<K, V>(create: () => Content<K, V>): Setup {
  return options => {
    const content = create()
    fill(content)
    checkContent(content)
    const { map, keys } = content
    const round = (): number => {
      let missing = 0
      const time = clock(() => {
        for (let i = 0; i < COUNT; i++) if (map.get(keys[i]!) === undefined) missing++
      })
      check(missing === 0, `${missing} keys are missing`)
      return time
    }
    return rounds(options, COUNT, round, () => map.close())
  }
}

function set<K, V>(create: () => Content<K, V>): Setup {
  return options => {
    const content = create()
    fill(content)
    const { map, keys, values } = content
    // Each round gives every key the value of another one, and the last round is looked at.
    let shift = 0
    const round = (): number => {
      shift = (shift + 1) % COUNT
      const shifted = [...values.slice(shift), ...values.slice(0, shift)]
      return clock(() => {
        for (let i = 0; i < COUNT; i++) map.set(keys[i]!, shifted[i]!)
      })
    }
    const work = rounds(options, COUNT, round, () => map.close())
    return {
      sweep() {
        const sample = work.sweep()
        checkContent({ map, keys, values: [...values.slice(shift), ...values.slice(0, shift)] })
        return sample
      },
      [Symbol.dispose]: () => work[Symbol.dispose](),
    }
  }
}

function updateDelete<K, V>(create: () => Content<K, V>, others: readonly K[]): Setup {
  return options => {
    const content = create()
    fill(content)
    const { map, values } = content
    const round = (): number => {
      let missing = 0
      const time = clock(() => {
        for (let i = 0; i < COUNT; i++) {
          map.set(others[i]!, values[i]!)
          if (!map.delete(others[i]!)) missing++
        }
      })
      check(missing === 0, `${missing} keys could not be deleted`)
      check(!map.has(others[0]!), 'a deleted key is there')
      return time
    }
    return rounds(options, COUNT, round, () => map.close())
  }
}

const others = indexes.map(index => index + COUNT)
const otherBytes = others.map(index => keyBytes(4, index))

/** `hash-get` to `percpu-set`. */
export const elementSetups: Readonly<Record<string, Setup>> = {
  'hash-get': get(() => asBytes('hash')),
  'hash-set': set(() => asBytes('hash')),
  'hash-update-delete': updateDelete(() => asBytes('hash', 2 * COUNT), otherBytes),
  'array-get': get(() => asBytes('array')),
  'array-set': set(() => asBytes('array')),
  'hash-get-typed': get(() => asNumbers('hash')),
  'hash-set-typed': set(() => asNumbers('hash')),
  'hash-update-delete-typed': updateDelete(() => asNumbers('hash', 2 * COUNT), others),
  'array-get-typed': get(() => asNumbers('array')),
  'array-set-typed': set(() => asNumbers('array')),
  'hash-get-16-64': get(() => asBytes('hash', COUNT, 16, 64)),
  'hash-set-16-64': set(() => asBytes('hash', COUNT, 16, 64)),
  'percpu-get': get(perCpu),
  'percpu-set': set(perCpu),
}
