import test from 'ava'
import fc from 'fast-check'
import { mov, mov32 } from '../../../src/asm/alu.ts'
import {
  call,
  callFunction,
  callKfunc,
  loadFunction,
  loadImm64,
  loadMap,
  loadMapFd,
  loadMapValue,
} from '../../../src/asm/calls.ts'
import { decodeInstructions } from '../../../src/asm/decode.ts'
import { disassemble, disassembleInstruction, disassembleLines } from '../../../src/asm/disassemble.ts'
import { encodeInstructions } from '../../../src/asm/encode.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit, ja, jeq, label } from '../../../src/asm/jumps.ts'
import { load, loadAcquire, storeRelease } from '../../../src/asm/memory.ts'
import { LDIMM64 } from '../../../src/asm/opcodes.ts'
import { r0, r1, r2, r3 } from '../../../src/asm/registers.ts'
import { golden } from '../../support/asm/golden-instructions.ts'

for (const [instruction, text] of golden) {
  test(`${text} reads as LLVM writes it`, t => {
    t.is(disassembleInstruction(instruction), text)
  })
}

const kernel: [Instruction, string][] = [
  [call('map_lookup_elem'), 'call bpf_map_lookup_elem#1'],
  [call(9999), 'call unknown#9999'],
  [{ ...call(0), src: 1, imm: -3 }, 'call pc-3'],
  [callKfunc(1234), 'call kernel-function#1234'],
  [{ ...callKfunc(1234), offset: 2 }, 'call kernel-function#1234 (fd_array[2])'],
  [loadMapFd(r1, 5), 'r1 = map[fd:5]'],
  [loadMapValue(r1, 5, 8), 'r1 = map[fd:5][0]+8'],
  [{ ...loadImm64(r1, 7n), src: 3 }, 'r1 = kernel-variable#7'],
  [{ ...loadImm64(r1, 7n), src: 4 }, 'r1 = subprog[+7]'],
  [loadAcquire('u16', r3, r2, 4), 'r3 = load_acquire((u16 *)(r2 + 4))'],
  [storeRelease('u8', r3, -4, r2), 'store_release((u8 *)(r3 - 4), r2)'],
  [{ opcode: 0xbf, dst: 1, src: 2, offset: 1, imm: 0x1_0000 }, 'r1 = addr_space_cast(r2, 1, 0)'],
  [{ opcode: 0x20, dst: 0, src: 0, offset: 0, imm: 12 }, 'r0 = *(u32 *)skb[12]'],
  [{ opcode: 0x48, dst: 0, src: 6, offset: 0, imm: 0 }, 'r0 = *(u16 *)skb[r6]'],
  [{ opcode: 0x48, dst: 0, src: 6, offset: 0, imm: -2 }, 'r0 = *(u16 *)skb[r6 - 2]'],
  [{ opcode: 0x8d, dst: 3, src: 0, offset: 0, imm: 0 }, 'callx r3'],
  [{ opcode: 0x0d, dst: 3, src: 0, offset: 0, imm: 0 }, 'gotox r3'],
]
for (const [instruction, text] of kernel) {
  test(`${text} reads as the kernel writes it`, t => {
    t.is(disassembleInstruction(instruction), text)
  })
}

const references: [Instruction, string][] = [
  [jeq(r1, 0, 'out'), 'if r1 == 0 goto out'],
  [ja('out'), 'goto out'],
  [callFunction('helper'), 'call helper'],
  [loadMap(r1, 'events'), 'r1 = map[events]'],
  [loadMapValue(r1, '.bss', 8), 'r1 = map[.bss][0]+8'],
  [loadFunction(r1, 'callback'), 'r1 = subprog[callback]'],
  [
    { ...loadImm64(r1, 0), reference: { kind: 'extern', name: 'jiffies', addend: 4 } },
    'r1 = extern[jiffies]+4',
  ],
]
for (const [instruction, text] of references) {
  test(`${text} shows the name that it refers to`, t => {
    t.is(disassembleInstruction(instruction), text)
  })
}

test('the numbers of maps in a program that the kernel returned are ids', t => {
  t.is(disassembleInstruction(loadMapFd(r1, 5), { maps: 'id' }), 'r1 = map[id:5]')
})

const unknown: [string, Instruction][] = [
  ['an opcode without a meaning', { ...exit(), opcode: 0xff }],
  ['a register 11', { ...mov(r0, 0), dst: 11 }],
  ['an exit with an offset', { ...exit(), offset: 1 }],
  ['a move of an immediate with a source', { ...mov(r0, 0), src: 1 }],
  ['a sign extension of 9 bits', { ...mov(r0, r1), offset: 9 }],
  ['an atomic operation that does not exist', { opcode: 0xdb, dst: 1, src: 2, offset: 0, imm: 2 }],
  ['a 64-bit load of an unknown source', { ...loadImm64(r0, 1n), src: 9 }],
]
for (const [what, instruction] of unknown) {
  test(`${what} is shown as bytes`, t => {
    const bytes = [...encodeInstructions([instruction], 'little')]
    const text = bytes.map(byte => `0x${byte.toString(16).padStart(2, '0')}`).join(', ')
    t.is(disassembleInstruction(instruction), `.byte ${text}`)
  })
}

test('a field that does not fit is cut, not an error', t => {
  t.is(
    disassembleInstruction({ ...exit(), opcode: 0x1ff, offset: 0x1_0001 }),
    '.byte 0xff, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00',
  )
})

test('every instruction has a text, and no two have the same', t => {
  const slot = fc.oneof(
    fc.uint8Array({ minLength: 8, maxLength: 8 }),
    fc
      .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 255 }))
      .map(([opcode, registers]) => Uint8Array.of(opcode, registers, 0, 0, 0, 0, 0, 0)),
  )
  const seen = new Map<string, string>()
  t.notThrows(() =>
    fc.assert(
      fc.property(slot, bytes => {
        const wide = bytes[0] === LDIMM64 ? [...bytes, 0, 0, 0, 0, ...bytes.slice(4)] : [...bytes]
        const [instruction] = decodeInstructions(Uint8Array.from(wide), 'little')
        const text = disassembleInstruction(instruction!)
        const hex = Buffer.from(wide).toString('hex')
        if ((seen.get(text) ?? hex) !== hex) throw new Error(`${text}: ${hex} and ${seen.get(text)}`)
        seen.set(text, hex)
      }),
      { numRuns: 5000 },
    ),
  )
})

// Compiled from `count()` in C by clang 19 with -O2 -mcpu=v3.
const compiled =
  'b401000000000000631afcff00000000bfa200000000000007020000fcffffff1801000000000000000000000000000085000000' +
  '010000001500020000000000b701000001000000db10000000000000b4000000000000009500000000000000'

test('a compiled program reads as in llvm-objdump, slot by slot', t => {
  const instructions = decodeInstructions(Buffer.from(compiled, 'hex'), 'little')
  t.is(
    disassemble(instructions),
    `
   0: w1 = 0
   1: *(u32 *)(r10 - 4) = r1
   2: r2 = r10
   3: r2 += -4
   4: r1 = 0x0 ll
   6: call bpf_map_lookup_elem#1
   7: if r0 == 0 goto +2
   8: r1 = 1
   9: lock *(u64 *)(r0 + 0) += r1
  10: w0 = 0
  11: exit
`.slice(1),
  )
})

const annotated: Instruction[] = [
  { ...label('main', mov(r0, 0)), source: { file: 'a.c', line: 7, column: 3, text: '  int x = 0;' } },
  { ...load('u32', r1, r1, 16), relocation: { kind: 0, typeId: 12, access: '0:1' } },
  { ...ja(0), source: { file: 'a.c', line: 8, column: 0, text: '' } },
  label('out', exit()),
]

test('symbols, source lines, CO-RE relocations and reached symbols are shown', t => {
  t.is(
    disassemble(annotated),
    `
main:
; int x = 0; @ a.c:7
   0: r0 = 0
   1: r1 = *(u32 *)(r1 + 16) ; CO-RE field_byte_offset [12] 0:1
; @ a.c:8
   2: goto +0 <out>
out:
   3: exit
`.slice(1),
  )
})

test('source lines and relocations can be left out, bytes shown', t => {
  t.is(
    disassemble(annotated.slice(0, 2), { source: false, relocations: false, bytes: true }),
    `
main:
   0: 0xb7, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00  r0 = 0
   1: 0x61, 0x11, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00  r1 = *(u32 *)(r1 + 16)
`.slice(1),
  )
})

test('calls and loads of functions name what they reach', t => {
  const text = disassemble([
    { ...loadImm64(r1, 3n), src: 4 },
    { ...call(0), src: 1, imm: 1 },
    exit(),
    label('cb', mov32(r0, 0)),
    exit(),
  ])
  t.true(text.includes('0: r1 = subprog[+3] <cb>\n'))
  t.true(text.includes('2: call pc+1 <cb>\n'))
})

test('text of any length comes line by line, and what is too long for one string is refused', t => {
  const lines = [...disassembleLines(annotated)]
  t.is(disassemble(annotated), lines.map(line => `${line}\n`).join(''))
  const length = disassemble(annotated).length
  t.is(disassemble(annotated, { maxCharacters: length }).length, length)
  t.throws(() => disassemble(annotated, { maxCharacters: length - 1 }), {
    instanceOf: RangeError,
    message: `Cannot disassemble ${annotated.length} instructions: the text has more than ${length - 1} characters; disassembleLines gives one line after the other`,
  })
  t.is([...disassembleLines(annotated, { maxCharacters: 1 })].length, lines.length)
})
