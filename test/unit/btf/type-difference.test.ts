import test from 'ava'
import { Btf } from '../../../src/btf/btf.ts'
import { BtfBuilder } from '../../../src/btf/builder.ts'
import { typesAreCompatible } from '../../../src/btf/core/match.ts'
import { typeDifference } from '../../../src/btf/core/type-difference.ts'
import { typeName } from '../../../src/btf/text/type-name.ts'

interface Options {
  /** Whether the struct has members, or is only declared. */
  readonly defined?: boolean
  /** Number of arguments. */
  readonly params?: number
  /** Kind of what the typedef `result_t` stands for. */
  readonly result?: 'int' | 'enum'
}

/** `result_t f(struct sock *, ...)`. */
function signature({ defined = true, params = 1, result = 'int' }: Options): [btf: Btf, id: number] {
  const builder = new BtfBuilder()
  const int = builder.add({ kind: 'int', name: 'int', size: 4, encoding: 'signed', bitOffset: 0, bits: 32 })
  const sock = builder.add(
    defined
      ? {
          kind: 'struct',
          name: 'sock',
          size: 4,
          members: [{ name: 'a', type: int, bitOffset: 0, bitSize: 0 }],
        }
      : { kind: 'fwd', name: 'sock', of: 'struct' },
  )
  const pointer = builder.add({ kind: 'ptr', name: '', type: sock })
  const plain =
    result === 'int'
      ? int
      : builder.add({ kind: 'enum', name: 'e', size: 4, signed: false, values: [{ name: 'A', value: 0n }] })
  const alias = builder.add({ kind: 'typedef', name: 'result_t', type: plain })
  const id = builder.add({
    kind: 'func_proto',
    name: '',
    type: alias,
    params: Array.from({ length: params }, () => ({ name: 'x', type: pointer })),
  })
  return [Btf.parse(builder.build()), id]
}

const cases: readonly (readonly [own: Options, kernel: Options, difference: string])[] = [
  [
    { defined: false },
    {},
    'what argument 1 points to is a declaration of struct sock without its members, and of kind struct sock in the kernel',
  ],
  [
    {},
    { result: 'enum' },
    'the result is of kind int int (result_t), and of kind enum e (result_t) in the kernel',
  ],
  [{}, { params: 2 }, 'it has 1 arguments, and 2 in the kernel'],
]

for (const [own, kernel, difference] of cases) {
  test(`types that read the same: ${difference}`, t => {
    const [ours, ourId] = signature(own)
    const [theirs, theirId] = signature(kernel)
    t.false(typesAreCompatible(ours, ourId, theirs, theirId))
    if (own.params === kernel.params) t.is(typeName(ours, ourId), typeName(theirs, theirId))
    t.is(typeDifference(ours, ourId, theirs, theirId), difference)
  })
}

/** `int` behind so many pointers. */
function pointers(depth: number): [btf: Btf, id: number] {
  const builder = new BtfBuilder()
  let id = builder.add({ kind: 'int', name: 'int', size: 4, encoding: 'signed', bitOffset: 0, bits: 32 })
  for (let at = 0; at < depth; at++) id = builder.add({ kind: 'ptr', name: '', type: id })
  return [Btf.parse(builder.build()), id]
}

test('a difference that is nested too deep is said to be nested, not described as none', t => {
  t.is(typeDifference(...pointers(40), ...pointers(41)), 'they differ in a nested type')
})
