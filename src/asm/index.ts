/** Instructions: encode, decode, assemble, disassemble, and write by hand. Pure. @module */

export * from './alu.ts'
export * from './assemble.ts'
export * from './calls.ts'
export * from './decode.ts'
export * from './disassemble.ts'
export * from './encode.ts'
export * from './instruction.ts'
export * from './jumps.ts'
export * from './memory.ts'
export * from './opcodes.ts'
export * from './registers.ts'
