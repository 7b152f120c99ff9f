import test from 'ava'
import { makeInput } from '../../../lab/fuzz/mutate.ts'
import { examine } from '../../../lab/fuzz/pipeline.ts'
import { readSeeds, type Seed } from '../../../lab/fuzz/seeds.ts'
import { Btf } from '../../../src/btf/btf.ts'
import { btfOf, int } from '../../support/btf/types.ts'

const seeds = readSeeds()
const kernel = Btf.parse(seeds.at(-1)!.bytes)

test('seeds are read as they are', t => {
  for (const { name, kind, bytes, split } of seeds) {
    // Alone, what is to be linked may lack what the others have.
    if (name.startsWith('test/bpf/linked/')) continue
    t.is(examine({ name, kind, bytes, split }, kernel), 'read', name)
  }
  t.deepEqual([...new Set(seeds.map(({ kind }) => kind))].sort(), ['btf', 'ext', 'object'])
})

test('numbers of seeds lie within them', t => {
  for (const { name, bytes, groups } of seeds) {
    t.true(groups.length > 1, name)
    for (const { at, width } of groups.flat()) t.true(at >= 0 && at + width <= bytes.length, name)
  }
})

test('seed and number determine an input', t => {
  for (let number = 0; number < 100; number++) {
    t.deepEqual(makeInput(seeds, 7, number), makeInput(seeds, 7, number))
  }
  const inputs = Array.from({ length: 100 }, (_, number) => Buffer.from(makeInput(seeds, 7, number).bytes))
  const others = Array.from({ length: 100 }, (_, number) => Buffer.from(makeInput(seeds, 8, number).bytes))
  t.true(new Set(inputs.map(String)).size > 90)
  t.true(inputs.filter((each, number) => each.equals(others[number]!)).length < 5)
})

test('a seed stays as it is, whatever is damaged', t => {
  const before = seeds.map(({ bytes }) => Buffer.from(bytes))
  for (let number = 0; number < 200; number++) makeInput(seeds, 1, number)
  t.true(seeds.every(({ bytes }, index) => before[index]!.equals(bytes)))
})

test('an error of another kind is reported; one that says where is not', t => {
  const [object] = seeds as [Seed, ...Seed[]]
  const broken = { firstId: 1 } as Btf
  const core = seeds.find(({ name }) => name === 'test/bpf/core.bpf.o') ?? object
  t.throws(() => examine(core, broken), { instanceOf: TypeError })
  const { bytes } = btfOf([int('int', 4)])
  t.is(examine({ name: 'x', kind: 'btf', bytes: bytes.subarray(0, 30), split: 30 }, kernel), 'refused')
})
