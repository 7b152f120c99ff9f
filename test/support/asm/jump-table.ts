/**
 * A program that jumps through a table, for tests.
 *
 * @module
 */

import { add, and, lsh, mov } from '../../../src/asm/alu.ts'
import { loadJumpTable } from '../../../src/asm/calls.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit, gotox, label } from '../../../src/asm/jumps.ts'
import { load } from '../../../src/asm/memory.ts'
import { r0, r1, r2, r3 } from '../../../src/asm/registers.ts'

/** What a socket filter returns for packets whose length modulo 4 is 0, 1, 2 and 3. */
export const CASES = [11, 22, 33, 22] as const

/** A function whose argument is `struct __sk_buff *`. */
export function switchOnLength(prefix = ''): Instruction[] {
  const labels = ['a', 'b', 'c', 'b'].map(name => prefix + name)
  return [
    load('u32', r2, r1, 0),
    and(r2, 3),
    lsh(r2, 3),
    loadJumpTable(r3, 'cases', labels),
    add(r3, r2),
    load('u64', r3, r3, 0),
    gotox(r3),
    label(`${prefix}a`, mov(r0, CASES[0])),
    exit(),
    label(`${prefix}b`, mov(r0, CASES[1])),
    exit(),
    label(`${prefix}c`, mov(r0, CASES[2])),
    exit(),
  ]
}
