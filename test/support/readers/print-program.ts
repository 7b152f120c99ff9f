/**
 * A program that prints.
 *
 * @module
 */

import { add, mov } from '../../../src/asm/alu.ts'
import { call } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit } from '../../../src/asm/jumps.ts'
import { store } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3, r10 } from '../../../src/asm/registers.ts'
import { Program } from '../../../src/programs/program.ts'

/** A program that prints a text of at most 48 bytes, in which `%d` is `number`. */
export function printProgram(text: string, number = 0): Program {
  const bytes = Buffer.alloc(48)
  bytes.write(text)
  const words: Instruction[] = Array.from({ length: 12 }, (_, i) =>
    store('u32', r10, -48 + 4 * i, bytes.readInt32LE(4 * i)),
  )
  return Program.load({
    name: 'print',
    type: 'socket_filter',
    license: 'GPL',
    instructions: [
      ...words,
      mov(r1, r10),
      add(r1, -48),
      mov(r2, Buffer.byteLength(text) + 1),
      mov(r3, number),
      call('trace_printk'),
      mov(r0, 0),
      exit(),
    ],
  })
}
