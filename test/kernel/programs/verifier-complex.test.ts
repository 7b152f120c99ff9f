/** Programs with which the verifier is busy for seconds, and for minutes where it is emulated. */

import { add, mov } from '../../../src/asm/alu.ts'
import type { Instruction } from '../../../src/asm/instruction.ts'
import { exit, jlt } from '../../../src/asm/jumps.ts'
import { r0, r6 } from '../../../src/asm/registers.ts'
import { Program } from '../../../src/programs/program.ts'
import { VerifierError } from '../../../src/programs/verifier-error.ts'
import { kernelTest } from '../../support/kernel-test.ts'

/** Sets r6 to 0, counts it up, then does the rest. */
function counting(to: number, rest: readonly Instruction[]): Instruction[] {
  return [mov(r6, 0), add(r6, 1), jlt(r6, to, -2), ...rest]
}

kernelTest('a program that is too complex is refused with the reason', [], t => {
  const instructions = counting(1_000_000_000, [mov(r0, 0), exit()])
  t.throws(() => Program.load({ name: 'complex', type: 'socket_filter', instructions }), {
    instanceOf: VerifierError,
    code: 'E2BIG',
    message: /^Cannot load program complex: E2BIG: BPF program is too large\. Processed 1000001 insn/,
  })
})

kernelTest('a refusal whose trace would be huge has its verdict alone', [], t => {
  const instructions = counting(250_000, [exit()])
  const error = t.throws(() => Program.load({ name: 'long', type: 'socket_filter', instructions }), {
    instanceOf: VerifierError,
    code: 'EACCES',
    message: /^Cannot load program long: EACCES: R0 !read_ok/,
  })
  t.true(error.log.length < 4096, `a log of ${error.log.length} characters`)
})
