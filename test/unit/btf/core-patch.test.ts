import test from 'ava'
import { add, mov, mov32 } from '../../../src/asm/alu.ts'
import { call } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { ja } from '../../../src/asm/jumps.ts'
import { load, store } from '../../../src/asm/memory.ts'
import { CALL, classes, modes } from '../../../src/asm/opcodes.ts'
import { r0, r1, r2 } from '../../../src/asm/registers.ts'
import { relocateCore } from '../../../src/btf/core/relocate.ts'
import type { BtfType } from '../../../src/btf/types.ts'
import {
  array,
  enumOf,
  holders,
  i32,
  i64,
  kernel,
  local,
  missing,
  refuses,
  relocate,
  relocated,
  targets,
  u8,
  u32,
  u64,
  value,
  x,
} from '../../support/btf/core.ts'
import { btfOf, int, member, struct } from '../../support/btf/types.ts'

test('instructions are patched where they hold the value, and nowhere else', t => {
  const relocation = { kind: 'field_byte_offset', ...x } as const
  const patched = (before: Instruction) => relocate({ local, kernel }, relocation, before).instructions
  t.deepEqual(patched(holders.mov(0)), [holders.mov(16)])
  t.deepEqual(patched(mov32(r1, 0)), [mov32(r1, 16)])
  t.deepEqual(patched(add(r1, 0)), [add(r1, 16)])
  t.deepEqual(patched(holders.load64(0)), [holders.load64(16)])
  t.deepEqual(patched(holders.ldx32(0)), [holders.ldx32(16)])
  t.deepEqual(patched(holders.stx32(0)), [holders.stx32(16)])
  t.deepEqual(patched(holders.st32(0)), [holders.st32(16)])
})

test('instructions without relocation stay the same objects', t => {
  const one = holders.mov(1)
  const { instructions, failures } = relocateCore([one], btfOf([]), { kernel: () => btfOf([]) })
  t.is(instructions[0], one)
  t.deepEqual(failures, [])
})

test('an instruction that holds another value than expected is refused', t => {
  const relocation = { kind: 'field_byte_offset', ...x } as const
  for (const holder of [holders.mov, holders.load64, holders.ldx32, holders.stx32, holders.st32]) {
    refuses(
      t,
      () => relocate({ local, kernel }, relocation, holder(5)),
      'the instruction for struct s.x has 5, not 0',
    )
  }
})

test('instructions that hold no value are refused', t => {
  const relocation = { kind: 'field_byte_offset', ...x } as const
  const refused: Instruction[] = [
    mov(r1, r0),
    ja(0),
    call(0),
    { ...holders.mov(0), opcode: classes.ld | modes.abs },
    { ...holders.load64(0), src: 1 },
    { ...holders.load64(0), offset: 1 },
  ]
  for (const instruction of refused) {
    const opcode = instruction.opcode.toString(16)
    refuses(
      t,
      () => relocate({ local, kernel }, relocation, instruction),
      `opcode 0x${opcode} holds no relocatable value`,
    )
  }
})

test('an offset that does not fit 16 bits fits an immediate only', t => {
  const at = (offset: number) => [u32, struct('s', 4, member('x', 1, offset * 8))]
  const relocation = { kind: 'field_byte_offset', ...x } as const
  const loaded = (offset: number) => relocate({ local, kernel: at(offset) }, relocation, holders.ldx32(0))
  t.is(loaded(0x7fff).instructions[0]!.offset, 0x7fff)
  refuses(t, () => loaded(0x8000), 'the offset of struct s.x is 32768, more than an instruction holds')
  t.is(value({ local, kernel: at(0x8000) }, relocation), 0x8000)
})

test('loads and stores get the size of the field in the kernel', t => {
  const field = (type: BtfType, offset = 0) => [type, struct('s', 64, member('x', 1, offset * 8))]
  const relocation = { kind: 'field_byte_offset', ...x } as const
  const patched = (one: BtfType, other: BtfType, instruction: Instruction) =>
    relocate({ local: field(one), kernel: field(other, 8) }, relocation, instruction)
  t.is(patched(u32, u64, holders.ldx32(0)).instructions[0]!.opcode, load('u64', r1, r2).opcode)
  t.is(patched(u64, u8, holders.ldx64(0)).instructions[0]!.opcode, load('u8', r1, r2).opcode)
  t.is(patched(u64, int('short', 2), holders.ldx64(0)).instructions[0]!.opcode, load('u16', r1, r2).opcode)
  t.is(patched(u32, u8, holders.stx32(0)).instructions[0]!.opcode, store('u8', r1, 0, r2).opcode)
  t.is(patched(u32, u8, holders.st32(0)).instructions[0]!.opcode, store('u8', r1, 0, 7).opcode)
  t.is(
    patched(u32, int('bool', 1, 'bool'), holders.ldx32(0)).instructions[0]!.opcode,
    load('u8', r1, r2).opcode,
  )
  // Signs do not matter as long as the size is the same.
  t.is(patched(u32, i32, holders.ldx32(0)).instructions[0]!.opcode, load('u32', r1, r2).opcode)
  for (const [one, other] of [
    [i32, i64],
    [u32, i64],
    [i32, u64],
    [struct('a', 4), struct('a', 8)],
    [enumOf('e', []), enumOf('e', [], { kind: 'enum64', size: 8 })],
  ] as const) {
    const { failures, instructions } = patched(one, other, holders.ldx32(0))
    t.is(failures.length, 1, `${one.name} to ${other.name}`)
    t.is(instructions[0]!.opcode, CALL)
    t.is(value({ local: field(one), kernel: field(other, 8) }, relocation), 8)
  }
})

test('a load of another size than its field cannot be resized', t => {
  const wide = [u64, struct('s', 8, member('x', 1, 0))]
  const relocation = { kind: 'field_byte_offset', ...x } as const
  refuses(
    t,
    () => relocate({ local, kernel: wide }, relocation, holders.ldx8(0)),
    "an access of another size than the field's 4 bytes cannot be resized to 8",
  )
  const odd = [int('__int128', 16), struct('s', 16, member('x', 1, 0))]
  refuses(
    t,
    () => relocate({ local, kernel: odd }, relocation, holders.ldx32(0)),
    "an access of another size than the field's 4 bytes cannot be resized to 16",
  )
  t.is(relocate({ local, kernel }, relocation, holders.ldx8(0)).instructions[0]!.offset, 16)
})

test('elements of arrays are resized by the size of an element', t => {
  const of = (type: BtfType) => [type, array(1, 4), struct('s', 64, member('x', 2, 0))]
  const element = { kind: 'field_byte_offset', typeId: 3, access: '0:0:1' } as const
  const types = { local: of(u32), kernel: of(u64) }
  const [element64] = relocate(types, element, holders.ldx32(4)).instructions
  t.deepEqual([element64!.opcode, element64!.offset], [load('u64', r1, r2).opcode, 8])
  // The whole array is not an integer, though its elements are.
  const whole = { ...element, access: '0:0' }
  t.is(relocate(types, whole, holders.ldx32(0)).failures.length, 1)
  t.is(relocate({ local: of(u32), kernel: of(u32) }, whole, holders.ldx32(0)).failures.length, 0)
})

test('what the kernel lacks poisons the instruction', t => {
  const source = { file: 'a.c', text: 'return s->x;', line: 7, column: 3 }
  const instruction = { ...holders.ldx32(0), symbol: 'f', source }
  const relocation = { kind: 'field_byte_offset', ...x } as const
  const { instructions, failures } = relocate({ local, kernel: missing }, relocation, instruction)
  t.deepEqual(instructions, [{ ...call(0xbad2310), symbol: 'f', source }])
  t.deepEqual(failures, [
    {
      kind: 'field_byte_offset',
      subject: 'struct s.x',
      reason: 'the kernel has no struct s.x',
      source,
      slot: 0,
    },
  ])
  const [whole] = relocate({ local, kernel: [] }, relocation, instruction).failures
  t.is(whole!.reason, 'the kernel has no struct s')
})

test('both slots of a 64-bit load are poisoned, and the reference goes', t => {
  const relocation = { kind: 'enumval_value', typeId: 1, access: '0' } as const
  const own = [enumOf('e', [['A', 1]])]
  const before: Instruction = { ...holders.load64(1), reference: { kind: 'map', name: 'm' } }
  const poison = call(0xbad2310)
  const { instructions, failures } = relocate({ local: own, kernel: [] }, relocation, before)
  t.deepEqual(instructions, [poison, poison])
  t.is(failures[0]!.subject, 'enum e.A')
})

test('poisoned instructions are those of libbpf, and their failures say where they are', t => {
  const own = btfOf([...local, enumOf('e', [['A', 1]])])
  const { failures, instructions } = relocateCore(
    [
      { ...holders.mov(9), source: { file: 'a.c', text: '', line: 1, column: 0 } },
      relocated(holders.load64(0), { kind: 'field_byte_offset', ...x }),
      relocated(holders.mov(1), { kind: 'enumval_value', typeId: 3 }),
    ],
    own,
    targets({ kernel: [] }),
  )
  // The kernel's tag is a hash of the instructions: libbpf's are these too.
  t.deepEqual(
    instructions.slice(1).map(({ imm }) => imm),
    [195896080, 195896080, 195896080],
  )
  t.is(failures[0]!.source?.line, 1)
  t.deepEqual(
    failures.map(({ slot, subject }) => [slot, subject]),
    [
      [1, 'struct s.x'],
      [3, 'enum e.A'],
    ],
  )
})
