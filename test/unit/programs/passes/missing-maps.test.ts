import test from 'ava'
import { call, loadImm64, loadMap, loadMapValue } from '../../../../src/asm/calls.ts'
import { r1, r2 } from '../../../../src/asm/registers.ts'
import { poisonMissingMaps } from '../../../../src/programs/passes/missing-maps.ts'
import { Poisons } from '../../../../src/programs/passes/poison.ts'

const program = [loadMap(r1, 'there'), loadMap(r1, 'gone'), loadMapValue(r2, 'lost', 8), loadMap(r1, 'gone')]

test('each load of a map that is not created becomes two calls with the number of the map', t => {
  const poisons = new Poisons()
  const result = poisonMissingMaps(program, { isMissing: map => map !== 'there', poisons })
  const [gone, lost] = [call(2_001_000_000), call(2_001_000_001)]
  t.deepEqual(result, [program[0]!, gone, gone, lost, lost, gone, gone])
  const because = 'but that is not created (autocreate)'
  t.is(poisons.explain('invalid func unknown#2001000000'), `it needs map gone, ${because}`)
  t.is(poisons.explain('invalid func unknown#2001000001'), `it needs map lost, ${because}`)
})

test('a program whose maps are all created is given back', t => {
  const poisons = new Poisons()
  t.is(poisonMissingMaps(program, { isMissing: () => false, poisons }), program)
  t.is(poisonMissingMaps(program, { poisons }), program)
  const plain = [loadImm64(r1, 1)]
  t.is(poisonMissingMaps(plain, { isMissing: () => t.fail() as never, poisons }), plain)
})
