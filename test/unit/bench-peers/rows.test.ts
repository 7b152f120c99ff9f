import test from 'ava'
import { contestants, pickContestants } from '../../../bench/contestants.ts'
import { setups } from '../../../bench/ours/setups.ts'
import { pickRows, rows } from '../../../bench/rows.ts'

const names = rows.map(({ name }) => name)

test('every row has a name of its own', t => {
  t.is(new Set(names).size, names.length)
})

test('ours does every row, those of its variants, and no others', t => {
  const known = rows.flatMap(({ name, variants = [] }) => [name, ...variants.map(each => `${name}-${each}`)])
  t.deepEqual(
    names.filter(name => setups[name] === undefined),
    [],
  )
  t.deepEqual(
    Object.keys(setups).filter(name => !known.includes(name)),
    [],
  )
})

test('ratios are to contestants, or to a variant of the row', t => {
  for (const { name, bars, variants = [] } of rows) {
    const labels = contestants.flatMap(each => [
      each.name,
      ...variants.map(variant => `${each.name}-${variant}`),
    ])
    for (const bar of bars) if (bar.kind === 'ratio') t.true(labels.includes(bar.to), `${name}: ${bar.to}`)
  }
})

test('rows are picked by patterns', t => {
  t.is(pickRows([]), rows)
  t.deepEqual(
    pickRows(['walk-*', 'btf-find']).map(({ name }) => name),
    ['walk-1000', 'walk-100000', 'btf-find'],
  )
  t.deepEqual(
    pickRows(['hash-get']).map(({ name }) => name),
    ['hash-get'],
  )
  t.throws(() => pickRows(['hash']), {
    instanceOf: RangeError,
    message: /^Unknown row hash: expected one of hash-get, /,
  })
  t.throws(() => pickRows(['hash-ge.']), { instanceOf: RangeError })
})

test('peers are picked by name, beside ours', t => {
  t.deepEqual(
    pickContestants(['cilium']).map(({ name }) => name),
    ['ours', 'cilium'],
  )
  t.is(pickContestants([]).length, contestants.length)
  t.throws(() => pickContestants(['java']), {
    instanceOf: RangeError,
    message: /^Unknown peer java: expected one of ours/,
  })
})
