import test from 'ava'
import { call, loadImm64, loadMap } from '../../../../src/asm/calls.ts'
import { poisoned, poisonNumbers } from '../../../../src/asm/poison.ts'
import { r1 } from '../../../../src/asm/registers.ts'
import { Poisons } from '../../../../src/programs/passes/poison.ts'

const refusal = (number: number): string => `invalid func unknown#${number}\n`

/** Two relocations, which share a number, and two functions. */
function registry(): Poisons {
  const poisons = new Poisons()
  poisons.add({ number: poisonNumbers.core, slot: 1, explanation: 'it needs field x' })
  poisons.add({ number: poisonNumbers.core, slot: 3, explanation: 'it needs field y' })
  poisons.add({ number: poisonNumbers.kfunc + 2, slot: 5, explanation: 'it calls one' })
  poisons.add({ number: poisonNumbers.kfunc + 7, slot: 6, explanation: 'it calls other' })
  poisons.add({ number: poisonNumbers.kfunc + 7, slot: 9, explanation: 'it calls other' })
  return poisons
}

test('poisoned calls have the numbers of libbpf, which no helper has', t => {
  t.deepEqual(poisonNumbers, { core: 195_896_080, map: 2_001_000_000, kfunc: 2_002_000_000 })
})

test('a poisoned instruction keeps what belongs to its place, and every slot of it is a call', t => {
  const source = { file: 'a.c', text: 'f();', line: 1, column: 2 }
  const relocation = { kind: 0, typeId: 1, access: '0' }
  const place = { symbol: 'f', funcTypeId: 3, source }
  t.deepEqual(poisoned({ ...call(7), src: 2, offset: 1, ...place, relocation }, 99), [
    { ...call(99), ...place },
  ])
  t.deepEqual(poisoned({ ...loadMap(r1, 'm'), ...place }, 99), [{ ...call(99), ...place }, call(99)])
  t.deepEqual(poisoned(loadImm64(r1, 1), 99), [call(99), call(99)])
})

test('the number of the refused call leads back to what is missing', t => {
  const poisons = registry()
  t.is(poisons.explain(refusal(poisonNumbers.kfunc + 2)), 'it calls one')
  // Both calls of it need the same.
  t.is(poisons.explain(refusal(poisonNumbers.kfunc + 7)), 'it calls other')
})

test('where several share a number, the slot decides', t => {
  const poisons = registry()
  const { core } = poisonNumbers
  const at = (slot: number): string =>
    `0: (b7) r1 = 9\n${slot}: (85) call unknown#${core}\n${refusal(core)}processed 1 insns`
  t.is(poisons.explain(at(1)), 'it needs field x')
  t.is(poisons.explain(at(3)), 'it needs field y')
  t.is(poisons.explain(at(5)), undefined)
  // A log without instructions does not show which of the two it is.
  t.is(poisons.explain(refusal(core)), undefined)
})

test('other numbers and other refusals have no explanation', t => {
  const poisons = registry()
  t.is(poisons.explain(refusal(poisonNumbers.kfunc + 3)), undefined)
  t.is(poisons.explain(refusal(7)), undefined)
  t.is(poisons.explain('R0 !read_ok\n'), undefined)
  t.is(new Poisons().explain(refusal(poisonNumbers.core)), undefined)
})
