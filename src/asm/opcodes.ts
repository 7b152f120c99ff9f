/**
 * The parts that an opcode is made of. Names are those of RFC 9669 in lower case; what the kernel has beyond
 * the RFC says so.
 *
 * Source: RFC 9669, sections 3 to 5; include/uapi/linux/bpf.h, include/uapi/linux/bpf_common.h.
 *
 * @module
 */

/** Instruction classes: the lowest three bits of an opcode. */
export const classes = {
  ld: 0x00,
  ldx: 0x01,
  st: 0x02,
  stx: 0x03,
  alu: 0x04,
  jmp: 0x05,
  jmp32: 0x06,
  alu64: 0x07,
} as const
/** Name of an instruction class. */
export type InstructionClass = keyof typeof classes
/** Bits of an opcode that hold its class. */
export const CLASS_MASK = 0x07

/** Where arithmetic and jumps have their second operand: the immediate (`k`) or the source register (`x`). */
export const sources = { k: 0x00, x: 0x08 } as const
/** Bit of an opcode of arithmetic and jumps that holds the source. */
export const SOURCE_MASK = 0x08

/** Operations of the classes `alu` and `alu64`. */
export const aluOperations = {
  add: 0x00,
  sub: 0x10,
  mul: 0x20,
  div: 0x30,
  or: 0x40,
  and: 0x50,
  lsh: 0x60,
  rsh: 0x70,
  neg: 0x80,
  mod: 0x90,
  xor: 0xa0,
  mov: 0xb0,
  arsh: 0xc0,
  end: 0xd0,
} as const
/** Name of an arithmetic operation. */
export type AluOperation = keyof typeof aluOperations

/** Operations of the classes `jmp` and `jmp32`. `jcond` is the kernel's, not the RFC's (6.9). */
export const jumpOperations = {
  ja: 0x00,
  jeq: 0x10,
  jgt: 0x20,
  jge: 0x30,
  jset: 0x40,
  jne: 0x50,
  jsgt: 0x60,
  jsge: 0x70,
  call: 0x80,
  exit: 0x90,
  jlt: 0xa0,
  jle: 0xb0,
  jslt: 0xc0,
  jsle: 0xd0,
  jcond: 0xe0,
} as const
/** Name of a jump operation. */
export type JumpOperation = keyof typeof jumpOperations
/** Bits of an opcode of arithmetic and jumps that hold the operation. */
export const OPERATION_MASK = 0xf0

/** Sizes of loads and stores. */
export const sizes = { w: 0x00, h: 0x08, b: 0x10, dw: 0x18 } as const
/** Name of a size: word (4 bytes), half word (2), byte (1), double word (8). */
export type SizeName = keyof typeof sizes
/** Bits of an opcode of loads and stores that hold the size. */
export const SIZE_MASK = 0x18

/** Modes of loads and stores. */
export const modes = {
  imm: 0x00,
  abs: 0x20,
  ind: 0x40,
  mem: 0x60,
  memsx: 0x80,
  atomic: 0xc0,
} as const
/** Name of a mode. */
export type Mode = keyof typeof modes
/** Bits of an opcode of loads and stores that hold the mode. */
export const MODE_MASK = 0xe0

/**
 * What the immediate of an instruction of mode `atomic` selects. `load_acquire` and `store_release` are the
 * kernel's, not the RFC's (6.15).
 */
export const atomicOperations = {
  add: 0x00,
  or: 0x40,
  and: 0x50,
  xor: 0xa0,
  fetch_add: 0x01,
  fetch_or: 0x41,
  fetch_and: 0x51,
  fetch_xor: 0xa1,
  xchg: 0xe1,
  cmpxchg: 0xf1,
  load_acquire: 0x100,
  store_release: 0x110,
} as const
/** Name of an atomic operation. */
export type AtomicOperation = keyof typeof atomicOperations

/** `offset` of `div` and `mod` that makes them signed (6.6). */
export const SIGNED_DIVISION = 1

/** `offset` of the register move that casts a pointer between address spaces, for arenas (6.9). */
export const ADDRESS_SPACE_CAST = 1

/** Opcode of the 64-bit immediate load, the only instruction of two slots (`BPF_LD | BPF_DW | BPF_IMM`). */
export const LDIMM64: number = classes.ld | sizes.dw | modes.imm
/** Opcode of calls; the source register says of what (`BPF_PSEUDO_CALL` and others), 0 of a helper. */
export const CALL: number = classes.jmp | jumpOperations.call
