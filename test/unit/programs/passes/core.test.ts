import test from 'ava'
import type { CoreFailure } from '../../../../src/btf/core/relocate.ts'
import { applyCore } from '../../../../src/programs/passes/core.ts'
import { Poisons } from '../../../../src/programs/passes/poison.ts'
import { enumOf, holders, kernel, local, relocated, targets, x } from '../../../support/btf/core.ts'
import { btfOf } from '../../../support/btf/types.ts'

const btf = btfOf([...local, enumOf('e', [['A', 1]])])
const program = [
  { ...holders.mov(9), source: { file: 'a.c', text: '', line: 1, column: 0 } },
  relocated(holders.load64(0), { kind: 'field_byte_offset', ...x }),
  relocated(holders.mov(1), { kind: 'enumval_value', typeId: 3 }),
]

test('relocations are applied, and what the kernel lacks is noted with its place', t => {
  const poisons = new Poisons()
  const coreFailures: CoreFailure[] = []
  const instructions = applyCore(program, { btf, targets: targets({ kernel }), poisons, coreFailures })
  t.deepEqual(
    instructions.map(({ imm }) => imm),
    [9, 16n, 195896080],
  )
  t.deepEqual(
    coreFailures.map(({ subject, slot }) => [subject, slot]),
    [['enum e.A', 3]],
  )
  const refusal = 'invalid func unknown#195896080'
  t.is(poisons.explain(refusal), 'it needs enumval_value of enum e.A, but the kernel has no enum e')
})

test('the slot of the refused call says which relocation it was', t => {
  const poisons = new Poisons()
  applyCore(program, { btf, targets: targets({ kernel: [] }), poisons })
  const call = '(85) call unknown#195896080\ninvalid func unknown#195896080'
  t.is(
    poisons.explain(`0: (b7) r1 = 9\n1: ${call}`),
    'it needs field_byte_offset of struct s.x, but the kernel has no struct s',
  )
  t.is(poisons.explain(`3: ${call}`), 'it needs enumval_value of enum e.A, but the kernel has no enum e')
})

test('a program without relocations, or without types, is given back', t => {
  const poisons = new Poisons()
  const own = targets({ kernel: [] })
  const plain = [holders.mov(1)]
  t.is(applyCore(plain, { btf, targets: own, poisons }), plain)
  t.is(applyCore(program, { targets: own, poisons }), program)
})
