import test from 'ava'
import { add, add32, mov, mov32, neg, toBe } from '../../../src/asm/alu.ts'
import {
  call,
  callFunction,
  callKfunc,
  loadFunction,
  loadImm64,
  loadJumpTable,
  loadMap,
  loadMapFd,
  loadMapValue,
} from '../../../src/asm/calls.ts'
import { disassembleInstruction } from '../../../src/asm/disassemble.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit, gotol, gotox, ja, jeq, jeq32, label } from '../../../src/asm/jumps.ts'
import {
  atomicAdd,
  atomicCmpxchg,
  atomicFetchAdd,
  load,
  loadAcquire,
  store,
  storeRelease,
} from '../../../src/asm/memory.ts'
import { Register, r0, r1, r2, r10, r11 } from '../../../src/asm/registers.ts'

test('a register and a number are told apart', t => {
  t.deepEqual(mov(r1, r2), { opcode: 0xbf, dst: 1, src: 2, offset: 0, imm: 0 })
  t.deepEqual(mov(r1, 2), { opcode: 0xb7, dst: 1, src: 0, offset: 0, imm: 2 })
})

test('a register prints as assembly writes it and cannot be changed', t => {
  t.is(`${r10}`, 'r10')
  t.true(Object.isFrozen(r10))
  t.throws(() => new Register(12), {
    instanceOf: RangeError,
    message: 'Cannot name register 12: registers are 0 to 11',
  })
  t.throws(() => new Register(1.5), { instanceOf: RangeError })
})

test('a helper has a name or a number', t => {
  t.deepEqual(call('map_lookup_elem'), { opcode: 0x85, dst: 0, src: 0, offset: 0, imm: 1 })
  t.is(call(9999).imm, 9999)
  // @ts-expect-error names are without prefix
  t.throws(() => call('bpf_map_lookup_elem'), {
    instanceOf: RangeError,
    message: 'Unknown helper "bpf_map_lookup_elem"',
  })
})

test('a kernel function has its BTF id', t => {
  t.deepEqual(callKfunc(1234), { opcode: 0x85, dst: 0, src: 2, offset: 0, imm: 1234 })
  t.throws(() => callKfunc(0), { instanceOf: RangeError })
})

test('maps and functions are referred to by name until the program is loaded', t => {
  const wide = { opcode: 0x18, dst: 1, offset: 0, imm: 0n }
  t.deepEqual(loadMap(r1, 'events'), { ...wide, src: 1, reference: { kind: 'map', name: 'events' } })
  t.deepEqual(loadMapValue(r1, '.bss', 8), {
    ...wide,
    src: 2,
    reference: { kind: 'map_value', name: '.bss', offset: 8 },
  })
  t.deepEqual(loadFunction(r1, 'cb'), { ...wide, src: 4, reference: { kind: 'function', name: 'cb' } })
  t.deepEqual(callFunction('f').reference, { kind: 'call', name: 'f' })
})

test('maps that exist are loaded by descriptor', t => {
  t.deepEqual(loadMapFd(r1, 5), { opcode: 0x18, dst: 1, src: 1, offset: 0, imm: 5n })
  t.deepEqual(loadMapFd(r1, { fd: 5 }), loadMapFd(r1, 5))
  t.deepEqual(loadMapValue(r1, 5, 0xffff_ffff), {
    opcode: 0x18,
    dst: 1,
    src: 2,
    offset: 0,
    imm: 0xffff_ffff_0000_0005n,
  })
  t.throws(() => loadMapFd(r1, -1), {
    instanceOf: RangeError,
    message: 'Cannot build loadMapFd: file descriptor -1 is outside 0 to 2147483647',
  })
})

test('a 64-bit immediate may be written signed or unsigned', t => {
  t.is(loadImm64(r1, -1n).imm, 0xffff_ffff_ffff_ffffn)
  t.is(loadImm64(r1, -1).imm, 0xffff_ffff_ffff_ffffn)
  t.is(loadImm64(r1, (1n << 64n) - 1n).imm, 0xffff_ffff_ffff_ffffn)
  t.throws(() => loadImm64(r1, 1n << 64n), {
    instanceOf: RangeError,
    message: 'Cannot build loadImm64: 18446744073709551616 does not fit 64 bits',
  })
  t.throws(() => loadImm64(r1, 2 ** 53), { message: /not a safe integer, pass a bigint/ })
})

test('an immediate of 64 bits is signed, one of 32 bits may be written unsigned', t => {
  t.is(add32(r1, 0xffff_ffff).imm, -1)
  t.is(mov32(r1, -1).imm, -1)
  t.is(jeq32(r1, 0xffff_ffff, 0).imm, -1)
  t.is(store('u8', r10, -1, 0xff).imm, 0xff)
  t.throws(() => add(r1, 0x8000_0000), {
    instanceOf: RangeError,
    message: 'Cannot build add: immediate 2147483648 is outside -2147483648 to 2147483647',
  })
  t.throws(() => jeq(r1, 0x8000_0000, 0), { instanceOf: RangeError })
  t.throws(() => store('u64', r10, -8, 0x8000_0000), { instanceOf: RangeError })
  t.throws(() => store('u8', r10, -1, 256), {
    message: 'Cannot build store: immediate 256 is outside -128 to 255',
  })
})

test('load_acquire and store_release are told apart by their immediate', t => {
  t.deepEqual(loadAcquire('u8', r1, r2, 4), { opcode: 0xd3, dst: 1, src: 2, offset: 4, imm: 0x100 })
  t.deepEqual(storeRelease('u64', r1, 4, r2), { opcode: 0xdb, dst: 1, src: 2, offset: 4, imm: 0x110 })
})

test('jumps take a label or a distance', t => {
  t.deepEqual(jeq(r1, 0, 'out').reference, { kind: 'label', name: 'out' })
  t.is(jeq(r1, 0, -5).offset, -5)
  t.is(gotol(0x8000).imm, 0x8000)
  t.throws(() => ja(0x8000), {
    instanceOf: RangeError,
    message: 'Cannot build ja: offset 32768 is outside -32768 to 32767',
  })
})

const writesFramePointer: [string, () => Instruction][] = [
  ['mov', () => mov(r10, 0)],
  ['neg', () => neg(r10)],
  ['toBe', () => toBe('u16', r10)],
  ['load', () => load('u64', r10, r1)],
  ['loadAcquire', () => loadAcquire('u64', r10, r1)],
  ['atomicFetchAdd', () => atomicFetchAdd('u64', r1, 0, r10)],
  ['loadImm64', () => loadImm64(r10, 0)],
]
for (const [name, build] of writesFramePointer) {
  test(`${name} does not write the frame pointer`, t => {
    t.throws(build, { instanceOf: RangeError, message: `Cannot build ${name}: r10 is read-only` })
  })
}

test('what only reads takes the frame pointer', t => {
  t.is(mov(r1, r10).src, 10)
  t.is(store('u64', r10, -8, r10).dst, 10)
  t.is(atomicAdd('u64', r1, 0, r10).src, 10)
  t.is(atomicCmpxchg('u64', r1, 0, r10).src, 10)
})

test('operands of the wrong kind are refused', t => {
  // @ts-expect-error a destination is a register
  t.throws(() => mov(1, 0), { instanceOf: TypeError, message: 'Cannot build mov: 1 is not a register' })
  t.throws(() => mov(r0, 1.5), {
    instanceOf: TypeError,
    message: 'Cannot build mov: immediate 1.5 is not an integer',
  })
  // @ts-expect-error immediates of arithmetic have 32 bits
  t.throws(() => mov(r0, 1n), { instanceOf: TypeError })
  // @ts-expect-error sizes are u8 to u64
  t.throws(() => load('u128', r0, r1), {
    instanceOf: TypeError,
    message: 'Cannot build load: u128 is not one of u8, u16, u32, u64, s8, s16, s32',
  })
  // @ts-expect-error bytes cannot be added atomically
  t.throws(() => atomicAdd('u8', r0, 0, r1), { instanceOf: TypeError })
  // @ts-expect-error a target is a label or a number
  t.throws(() => ja(undefined), { instanceOf: TypeError })
})

test('a label names a copy, once', t => {
  const instruction = exit()
  t.is(label('out', instruction).symbol, 'out')
  t.is(instruction.symbol, undefined)
  t.throws(() => label('b', label('a', exit())), {
    instanceOf: TypeError,
    message: 'Cannot label an instruction b: it is named a already',
  })
  t.throws(() => label('', exit()), { instanceOf: TypeError })
})

test('jumps through tables and arguments on the stack read as LLVM writes them', t => {
  t.is(disassembleInstruction(gotox(r1)), 'gotox r1')
  t.is(disassembleInstruction(loadJumpTable(r2, 'cases', ['a'], 8)), 'r2 = jump-table[cases]+8')
  t.is(disassembleInstruction(store('u64', r11, -8, r1)), '*(u64 *)(r11 - 8) = r1')
  t.is(disassembleInstruction(load('u64', r1, r11, 8)), 'r1 = *(u64 *)(r11 + 8)')
  for (const register of [r10, r11]) {
    t.throws(() => gotox(register), {
      instanceOf: RangeError,
      message: `Cannot build gotox: ${register} is read-only`,
    })
    t.throws(() => mov(register, 1), { instanceOf: RangeError })
  }
  t.throws(() => loadJumpTable(r2, 'cases', ['a'], -8), { instanceOf: RangeError })
})
