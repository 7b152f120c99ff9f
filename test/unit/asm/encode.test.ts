import test from 'ava'
import fc from 'fast-check'
import { mov } from '../../../src/asm/alu.ts'
import { loadImm64 } from '../../../src/asm/calls.ts'
import { decodeInstructions } from '../../../src/asm/decode.ts'
import { encodeInstructions } from '../../../src/asm/encode.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { LDIMM64 } from '../../../src/asm/opcodes.ts'
import { r0, r1, r2 } from '../../../src/asm/registers.ts'
import { ObjectFileError } from '../../../src/base/errors.ts'
import { golden } from '../../support/asm/golden-instructions.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const unhex = (text: string): Uint8Array => Buffer.from(text, 'hex')

const fields = {
  dst: fc.integer({ min: 0, max: 15 }),
  src: fc.integer({ min: 0, max: 15 }),
  offset: fc.integer({ min: -0x8000, max: 0x7fff }),
}
const narrow: fc.Arbitrary<Instruction> = fc.record({
  ...fields,
  opcode: fc.integer({ min: 0, max: 0xff }).filter(opcode => opcode !== LDIMM64),
  imm: fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff }),
})
const wide: fc.Arbitrary<Instruction> = fc.record({
  ...fields,
  opcode: fc.constant(LDIMM64),
  imm: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
})
const program = fc.array(fc.oneof(narrow, wide))
const byteOrder = fc.constantFrom('little' as const, 'big' as const)

test('what is encoded decodes to the same instructions, in both byte orders', t => {
  t.notThrows(() =>
    fc.assert(
      fc.property(program, byteOrder, (instructions, order) => {
        t.deepEqual(decodeInstructions(encodeInstructions(instructions, order), order), instructions)
      }),
    ),
  )
})

test('whatever decodes encodes to the same bytes, and nothing else than ObjectFileError is thrown', t => {
  const bytes = fc.uint8Array({ maxLength: 64 })
  const slots = fc.array(fc.uint8Array({ minLength: 8, maxLength: 8 })).map(each => Buffer.concat(each))
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.oneof(bytes, slots), byteOrder, (input, order) => {
        try {
          t.is(hex(encodeInstructions(decodeInstructions(input, order), order)), hex(input))
        } catch (error) {
          if (!(error instanceof ObjectFileError)) throw error
        }
      }),
    ),
  )
})

for (const [instruction, text, bytes] of golden) {
  test(`${text} has the bytes that LLVM gives it`, t => {
    t.is(hex(encodeInstructions([instruction], 'little')), bytes)
    t.deepEqual(decodeInstructions(unhex(bytes), 'little'), [instruction])
  })
}

test('big-endian swaps the registers and the bytes of offset and immediates', t => {
  const instructions = [
    mov(r1, r2),
    { ...mov(r1, 0x01020304), offset: 0x0506 },
    loadImm64(r1, 0x1122334455667788n),
  ]
  const expected = 'bf12000000000000' + 'b710050601020304' + '18100000556677880000000011223344'
  t.is(hex(encodeInstructions(instructions, 'big')), expected)
})

test('an immediate may be written unsigned, and reads back signed', t => {
  const [read] = decodeInstructions(encodeInstructions([{ ...mov(r0, 0), imm: 0xffff_ffff }]))
  t.is(read!.imm, -1)
})

test('a negative 64-bit immediate reads back unsigned', t => {
  const [read] = decodeInstructions(encodeInstructions([{ ...loadImm64(r0, 0), imm: -1n }]))
  t.is(read!.imm, 0xffff_ffff_ffff_ffffn)
})

const outOfRange: [Partial<Instruction>, string][] = [
  [{ opcode: 256 }, 'opcode 256'],
  [{ dst: 16 }, 'dst 16'],
  [{ src: -1 }, 'src -1'],
  [{ offset: 0x8000 }, 'offset 32768'],
  [{ offset: 1.5 }, 'offset 1.5'],
  [{ imm: 2 ** 32 }, 'imm 4294967296'],
  [{ imm: -(2 ** 31) - 1 }, 'imm -2147483649'],
  [{ imm: Number.NaN }, 'imm NaN'],
  [{ opcode: LDIMM64, imm: 1n << 64n }, 'imm 18446744073709551616'],
  [{ opcode: LDIMM64, imm: -(1n << 63n) - 1n }, 'imm -9223372036854775809'],
]
for (const [wrong, what] of outOfRange) {
  test(`${what} of opcode ${wrong.opcode ?? 'mov'} does not fit`, t => {
    t.throws(() => encodeInstructions([exit(), { ...mov(r0, 0), ...wrong }]), {
      instanceOf: RangeError,
      message: `Cannot encode instruction 1: ${what} is out of range`,
    })
  })
}

const malformed: [string, string, number, string][] = [
  [
    'a length that is not a multiple of 8',
    'b70000000000000095',
    0,
    'Instructions of 9 bytes: not a multiple of 8',
  ],
  [
    'a 64-bit load at the end',
    '95000000000000001800000000000000',
    8,
    '64-bit immediate load without its second slot',
  ],
  ...['01', '0001', '000001', '00000001'].map((start): [string, string, number, string] => [
    `a second slot that starts with ${start}`,
    `95000000000000001800000000000000${start.padEnd(16, '0')}`,
    16,
    '64-bit immediate load with a second slot that is not empty',
  ]),
]
for (const [what, bytes, offset, reason] of malformed) {
  test(`${what} is refused where it is`, t => {
    const where = { file: 'a.o', section: 'xdp', offset: 0x40 }
    const error = t.throws(() => decodeInstructions(unhex(bytes), 'little', where), {
      instanceOf: ObjectFileError,
    })
    t.is(error!.reason, reason)
    t.is(error!.offset, 0x40 + offset)
    t.is(error!.section, 'xdp')
  })
}

test('no bytes are no instructions', t => {
  t.deepEqual(decodeInstructions(new Uint8Array()), [])
  t.is(encodeInstructions([]).length, 0)
})
