import test from 'ava'
import { TypeNames } from '../../../src/btf/type-names.ts'

/** Types with these names, all in one section; looked up in it by `TypeNames`. */
function typeNames(names: readonly string[]): TypeNames {
  const offsets: number[] = []
  let text = '\0'
  for (const name of names) {
    offsets.push(name === '' ? 0 : text.length)
    text += `${name}\0`
  }
  return new TypeNames(Uint32Array.from(offsets), [{ bytes: Buffer.from(text), start: 0 }])
}

test('every look-up of a name gives the same, however often it is asked for', t => {
  const names = typeNames(['task', 'file', '', 'task___old', 'task'])
  for (let i = 0; i < 10; i++) {
    t.deepEqual(names.named('task'), [0, 4])
    t.deepEqual(names.flavors('task'), [0, 3, 4])
    t.deepEqual(names.named('inode'), [])
  }
})

test('what is found belongs to the caller', t => {
  const names = typeNames(['task', 'task'])
  names.named('task').pop()
  t.deepEqual(names.named('task'), [0, 1])
})

test('more names than are remembered are found again', t => {
  const all = Array.from({ length: 300 }, (_, i) => `type_${i}`)
  const names = typeNames(all)
  for (let round = 0; round < 2; round++) {
    for (const [i, name] of all.entries()) t.deepEqual(names.named(name), [i])
  }
})

test('types whose names begin a kilobyte apart are told apart', t => {
  const names = typeNames(['a'.repeat(1023), 'b', 'c'])
  t.deepEqual(names.named('b'), [1])
  t.deepEqual(names.named('c'), [2])
})

test('a name that ends many others is found among them', t => {
  const all = Array.from({ length: 40 }, (_, i) => `${'a'.repeat(i)}int`)
  t.deepEqual(typeNames([...all, 'int']).named('int'), [0, 40])
})
