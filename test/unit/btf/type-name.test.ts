import test from 'ava'
import { typeName } from '../../../src/btf/text/type-name.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import { BtfMaker } from '../../support/btf/maker.ts'

const make = new BtfMaker()
const add = (type: BtfType): number => make.builder.add(type)
const int = make.int('int', 4, 'signed')
const struct = make.struct('task_struct', 0)
const pointer = make.pointer(struct)
const signature = add({
  kind: 'func_proto',
  name: '',
  type: pointer,
  params: [
    { name: '', type: int },
    { name: '', type: 0 },
  ],
})
const loop = make.builder.typeCount
add({ kind: 'ptr', name: '', type: loop })

for (const [id, expected] of [
  [0, 'void'],
  [int, 'int'],
  [struct, 'struct task_struct'],
  [make.union('', 0), 'union (anonymous)'],
  [make.enum('pid_type', {}), 'enum pid_type'],
  [make.enum('', { LARGE: 1n }), 'enum (anonymous)'],
  [make.typedef('pid_t', int), 'pid_t'],
  [pointer, 'struct task_struct *'],
  [make.pointer(pointer), 'struct task_struct **'],
  [make.pointer(), 'void *'],
  [make.pointer(add({ kind: 'const', name: '', type: struct })), 'const struct task_struct *'],
  [add({ kind: 'const', name: '', type: pointer }), 'struct task_struct * const'],
  [make.array(int, 4), 'int[4]'],
  [add({ kind: 'fwd', name: 'rq', of: 'struct' }), 'struct rq'],
  [add({ kind: 'type_tag', name: 'rcu', type: struct, attribute: false }), 'struct task_struct'],
  [signature, 'struct task_struct * (int, ...)'],
  [add({ kind: 'func_proto', name: '', type: 0, params: [] }), 'void (void)'],
  [make.pointer(signature), 'function *'],
  [loop, `... ${'*'.repeat(17)}`],
] as const) {
  test(`type ${id} is ${expected}`, t => {
    t.is(typeName(make.parse(), id), expected)
  })
}
