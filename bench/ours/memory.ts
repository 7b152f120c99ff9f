/**
 * Rows of walks, global variables and memory-mapped arrays.
 *
 * @module
 */

import { BpfMap, Collection, CollectionSpec } from 'ebpf-ts'
import { BPF_F_MMAPABLE } from 'ebpf-ts/abi'
import { u32, u64 } from 'ebpf-ts/base'
import { check, clock, rounds, type Setup } from '../work.ts'

function walk(count: number): Setup {
  return options => {
    const map = BpfMap.create({ name: 'bench', type: 'hash', keySize: 4, valueSize: 8, maxEntries: count })
    map.typed(u32, u64).setBatch(Array.from({ length: count }, (_, i) => [i, BigInt(i + 1)] as const))
    let sum = 0
    let entries = 0
    const visit = (): void => {
      sum = 0
      entries = 0
      for (const [key, value] of map) {
        sum += value[0]! - key[0]!
        entries++
      }
    }
    visit()
    // The first bytes of all values, i + 1, less those of all keys, i: what remains is the last value's.
    const expectedSum = count & 0xff
    const round = (): number => {
      const time = clock(visit)
      check(entries === count && sum === expectedSum, `${entries} entries of ${count}, sum ${sum}`)
      return time
    }
    return rounds(options, count, round, () => map.close())
  }
}

const ACCESSES = 100_000

function loadVariables(): Collection {
  return Collection.load(CollectionSpec.fromFile('bench/bpf/variables.bpf.o'))
}

const getVariable: Setup = options => {
  const collection = loadVariables()
  const counter = collection.variables.get('counter')
  counter.set(7)
  const round = (): number => {
    let sum = 0
    const time = clock(() => {
      for (let i = 0; i < ACCESSES; i++) sum += counter.get() as number
    })
    check(sum === 7 * ACCESSES, `the sum is ${sum}`)
    return time
  }
  return rounds(options, ACCESSES, round, () => collection.close())
}

const setVariable: Setup = options => {
  const collection = loadVariables()
  const counter = collection.variables.get('counter')
  const program = collection.programs.get('read_counter')
  const round = (): number => {
    const time = clock(() => {
      for (let i = 1; i <= ACCESSES; i++) counter.set(i)
    })
    check(
      program.testRun({ data: new Uint8Array(14) }).returnValue === ACCESSES,
      'the program sees another value',
    )
    return time
  }
  return rounds(options, ACCESSES, round, () => collection.close())
}

const getVariable64: Setup = options => {
  const collection = loadVariables()
  const total = collection.variables.get('total')
  total.set(7n)
  const round = (): number => {
    let wrong = 0
    const time = clock(() => {
      for (let i = 0; i < ACCESSES; i++) if (total.get() !== 7n) wrong++
    })
    check(wrong === 0, `${wrong} values are wrong`)
    return time
  }
  return rounds(options, ACCESSES, round, () => collection.close())
}

const setVariable64: Setup = options => {
  const collection = loadVariables()
  const total = collection.variables.get('total')
  const values = Array.from({ length: 1000 }, (_, i) => BigInt(i + 1))
  const round = (): number => {
    const time = clock(() => {
      for (let i = 0; i < ACCESSES; i += values.length) for (const value of values) total.set(value)
    })
    check(total.get() === 1000n, `the value is ${total.get()}`)
    return time
  }
  return rounds(options, ACCESSES, round, () => collection.close())
}

const getElement: Setup = options => {
  const count = 1000
  const map = BpfMap.create({
    name: 'bench',
    type: 'array',
    keySize: 4,
    valueSize: 8,
    maxEntries: count,
    flags: BPF_F_MMAPABLE,
  })
  map.typed(u32, u64).setBatch(Array.from({ length: count }, (_, i) => [i, BigInt(i)] as const))
  const memory = map.memory()!
  check(memory.stride === 8, `elements lie ${memory.stride} bytes apart`)
  // V8 makes no BigInt object of an element of such an array that is but added up.
  const values = new BigUint64Array(memory.buffer, 0, count)
  const round = (): number => {
    let sum = 0n
    const time = clock(() => {
      for (let i = 0; i < ACCESSES; i += count) {
        for (let index = 0; index < count; index++) sum = BigInt.asUintN(64, sum + values[index]!)
      }
    })
    check(sum === BigInt((ACCESSES / count) * ((count * (count - 1)) / 2)), `the sum is ${sum}`)
    return time
  }
  return rounds(options, ACCESSES, round, () => map.close())
}

/** `walk-1000` to `array-mmap-get`. */
export const memorySetups: Readonly<Record<string, Setup>> = {
  'walk-1000': walk(1000),
  'walk-100000': walk(100_000),
  'variable-get': getVariable,
  'variable-set': setVariable,
  'variable-get-64': getVariable64,
  'variable-set-64': setVariable64,
  'array-mmap-get': getElement,
}
