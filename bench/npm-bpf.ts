/**
 * The contestant that uses the package `bpf` of npm, bindings of libbpf 0.9, as its documentation does. It has maps
 * only, and makes room for one value where those per CPU have many: there are no such rows.
 * `bench/peers/npm-bpf/build.sh` installs it.
 *
 * @module
 */

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { contestant } from './contestant.ts'
import { check, clock, rounds, type Setup } from './work.ts'

/** How values are made of bytes and back. */
interface Conversion<T> {
  parse(bytes: Buffer): T
  format(bytes: Buffer, value: T): void
}

/** What is common to its maps and arrays. */
interface Elements<K, V> {
  get(key: K): V | undefined
  set(key: K, value: V): unknown
}

interface NpmMap<K, V> extends Elements<K, V>, Iterable<[K, V]> {
  delete(key: K): boolean
  has(key: K): boolean
  getBatch(size: number): Iterable<[K, V][]>
}

/** A descriptor, closed when it is collected. */
interface Ref {
  readonly fd: number
  close(): void
}

/** The part of the package that is used; it has types of its own, but is not installed where this is compiled. */
interface Package {
  readonly MapType: { readonly HASH: number; readonly ARRAY: number }
  readonly u32type: Conversion<number>
  createMap(options: { type: number; keySize: number; valueSize: number; maxEntries: number }): Ref
  readonly RawMap: new (ref: Ref) => NpmMap<Buffer, Buffer>
  readonly RawArrayMap: new (ref: Ref) => Elements<number, Buffer>
  readonly ConvMap: new <K, V>(ref: Ref, key: Conversion<K>, value: Conversion<V>) => NpmMap<K, V>
  readonly ConvArrayMap: new <V>(ref: Ref, value: Conversion<V>) => Elements<number, V>
}

const require = createRequire(import.meta.url)
const bpf: Package = require('bpf')
const { version }: { version: string } = require('bpf/package.json')

const { HASH, ARRAY } = bpf.MapType
const COUNT = 1000
/** Entries that a walk in batches reads per system call. */
const BATCH = 4096

/** Unsigned numbers of 64 bits. */
const u64: Conversion<bigint> = {
  parse: bytes => bytes.readBigUInt64LE(),
  format: (bytes, value) => bytes.writeBigUInt64LE(value),
}

/** A map, with keys and values in the form that a row is about. The value of key i is i + 1. */
interface Content<K, V, M extends Elements<K, V>> {
  readonly map: M
  readonly keys: readonly K[]
  readonly values: readonly V[]
  readonly ref: Ref
}

type HashContent<K, V> = Content<K, V, NpmMap<K, V>>
type ArrayContent<V> = Content<number, V, Elements<number, V>>

const indexes = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

function keyBytes(size: number, index: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeUInt32LE(index)
  return bytes
}

/** The bytes of 64-bit words that are all the same. */
const wordBytes = (size: number, value: number): Buffer =>
  Buffer.from(new BigUint64Array(size / 8).fill(BigInt(value)).buffer)

function hashOfBytes(maxEntries: number, keySize = 4, valueSize = 8): HashContent<Buffer, Buffer> {
  const ref = bpf.createMap({ type: HASH, keySize, valueSize, maxEntries })
  const keys = indexes(maxEntries).map(index => keyBytes(keySize, index))
  const values = indexes(maxEntries).map(index => wordBytes(valueSize, index + 1))
  return { map: new bpf.RawMap(ref), keys, values, ref }
}

function hashOfNumbers(maxEntries: number): HashContent<number, bigint> {
  const ref = bpf.createMap({ type: HASH, keySize: 4, valueSize: 8, maxEntries })
  const values = indexes(maxEntries).map(index => BigInt(index + 1))
  return { map: new bpf.ConvMap(ref, bpf.u32type, u64), keys: indexes(maxEntries), values, ref }
}

const createArray = (): Ref => bpf.createMap({ type: ARRAY, keySize: 4, valueSize: 8, maxEntries: COUNT })

function arrayOfBytes(): ArrayContent<Buffer> {
  const ref = createArray()
  const values = indexes(COUNT).map(index => wordBytes(8, index + 1))
  return { map: new bpf.RawArrayMap(ref), keys: indexes(COUNT), values, ref }
}

function arrayOfNumbers(): ArrayContent<bigint> {
  const ref = createArray()
  const values = indexes(COUNT).map(index => BigInt(index + 1))
  return { map: new bpf.ConvArrayMap(ref, u64), keys: indexes(COUNT), values, ref }
}

type AnyContent<K, V> = Content<K, V, Elements<K, V>>

/** Each key gets the value of the one that is `shift` further on. */
function fill<K, V>({ map, keys, values }: AnyContent<K, V>, count = COUNT, shift = 0): void {
  for (let i = 0; i < count; i++) map.set(keys[i]!, values[(i + shift) % count]!)
}

function checkContent<K, V>({ map, keys, values }: AnyContent<K, V>, shift = 0): void {
  for (let i = 0; i < COUNT; i++) {
    const [value, expected] = [map.get(keys[i]!), values[(i + shift) % COUNT]]
    const isEqual =
      value instanceof Buffer && expected instanceof Buffer ? value.equals(expected) : value === expected
    check(isEqual, `the value of key ${i} is another`)
  }
}

function get<K, V>(create: () => AnyContent<K, V>): Setup {
  return options => {
    const content = create()
    fill(content)
    checkContent(content)
    const { map, keys, ref } = content
    const round = (): number => {
      let missing = 0
      const time = clock(() => {
        for (let i = 0; i < COUNT; i++) if (map.get(keys[i]!) === undefined) missing++
      })
      check(missing === 0, `${missing} keys are missing`)
      return time
    }
    return rounds(options, COUNT, round, () => ref.close())
  }
}

function set<K, V>(create: () => AnyContent<K, V>): Setup {
  return options => {
    const content = create()
    let shift = 0
    const round = (): number => {
      shift = (shift + 1) % COUNT
      const time = clock(() => fill(content, COUNT, shift))
      checkContent(content, shift)
      return time
    }
    return rounds(options, COUNT, round, () => content.ref.close())
  }
}

function updateDelete<K, V>(create: () => HashContent<K, V>): Setup {
  return options => {
    const content = create()
    fill(content)
    const { map, keys, values, ref } = content
    const round = (): number => {
      let missing = 0
      const time = clock(() => {
        for (let i = COUNT; i < 2 * COUNT; i++) {
          map.set(keys[i]!, values[i]!)
          if (!map.delete(keys[i]!)) missing++
        }
      })
      check(missing === 0, `${missing} keys could not be deleted`)
      check(!map.has(keys[COUNT]!), 'a deleted key is there')
      return time
    }
    return rounds(options, COUNT, round, () => ref.close())
  }
}

/** Reads all entries and adds the lower half of each value, less its key. */
type Walk = (map: NpmMap<Buffer, Buffer>) => { entries: number; sum: number }

const iterate: Walk = map => {
  let entries = 0
  let sum = 0
  for (const [key, value] of map) {
    entries++
    sum += value.readUInt32LE() - key.readUInt32LE()
  }
  return { entries, sum }
}

const iterateBatches: Walk = map => {
  let entries = 0
  let sum = 0
  for (const batch of map.getBatch(BATCH)) {
    for (const [key, value] of batch) {
      entries++
      sum += value.readUInt32LE() - key.readUInt32LE()
    }
  }
  return { entries, sum }
}

function walk(count: number, read: Walk): Setup {
  return options => {
    const content = hashOfBytes(count)
    fill(content, count)
    const { map, ref } = content
    const round = (): number => {
      let seen = { entries: 0, sum: 0 }
      const time = clock(() => {
        seen = read(map)
      })
      // Each value is greater by one than its key.
      check(seen.entries === count && seen.sum === count, `${seen.entries} entries of ${count}`)
      return time
    }
    return rounds(options, count, round, () => ref.close())
  }
}

/** Nanoseconds that a process takes which runs this. */
function processTime(source: string): number {
  return clock(() => {
    const { status, stderr } = spawnSync(process.execPath, ['--eval', source], { encoding: 'utf8' })
    check(status === 0, `a process ended with ${status}: ${stderr}`)
  })
}

const importPackage: Setup = () => ({
  sweep() {
    const empty = processTime('')
    const imported = processTime("require('bpf')")
    const map = '{ type: bpf.MapType.ARRAY, keySize: 4, valueSize: 8, maxEntries: 1 }'
    const called = processTime(`const bpf = require('bpf'); bpf.createMap(${map}).close()`)
    return { ns: called - empty, ops: 1, extra: { import: imported - empty, empty } }
  },
  [Symbol.dispose]: () => {},
})

await contestant(version, {
  'hash-get': get(() => hashOfBytes(COUNT)),
  'hash-set': set(() => hashOfBytes(COUNT)),
  'hash-update-delete': updateDelete(() => hashOfBytes(2 * COUNT)),
  'array-get': get(arrayOfBytes),
  'array-set': set(arrayOfBytes),
  'hash-get-typed': get(() => hashOfNumbers(COUNT)),
  'hash-set-typed': set(() => hashOfNumbers(COUNT)),
  'hash-update-delete-typed': updateDelete(() => hashOfNumbers(2 * COUNT)),
  'array-get-typed': get(arrayOfNumbers),
  'array-set-typed': set(arrayOfNumbers),
  'hash-get-16-64': get(() => hashOfBytes(COUNT, 16, 64)),
  'hash-set-16-64': set(() => hashOfBytes(COUNT, 16, 64)),
  'walk-1000': walk(1000, iterate),
  'walk-1000-batch': walk(1000, iterateBatches),
  'walk-100000': walk(100_000, iterate),
  'walk-100000-batch': walk(100_000, iterateBatches),
  import: importPackage,
})
