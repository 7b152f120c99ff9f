/**
 * The pass of CO-RE: fits the instructions to the kernel's types.
 *
 * Source: libbpf `bpf_object__relocate_core`.
 *
 * @module
 */

import type { Instruction } from '../../asm/instruction.ts'
import { poisonNumbers } from '../../asm/poison.ts'
import type { Btf } from '../../btf/btf.ts'
import { type CoreFailure, type CoreTargets, relocateCore } from '../../btf/core/relocate.ts'
import type { Poisons } from './poison.ts'

/** What this pass needs to know. */
export interface CoreContext {
  /** Types that the program was compiled with; without them it has no relocations. */
  readonly btf?: Btf | undefined
  /** Where the kernel's types are; the same for all programs of an object. Without them relocations stay. */
  readonly targets?: CoreTargets
  readonly poisons: Poisons
  /** Receives the relocations that the kernel cannot satisfy. */
  readonly coreFailures?: CoreFailure[]
}

/**
 * Applies the CO-RE relocations of a program, and poisons the instructions of those that the kernel cannot satisfy.
 *
 * @throws BpfError `ERR_CORE` when a relocation is malformed or ambiguous
 */
export function applyCore(
  instructions: readonly Instruction[],
  { btf, targets, poisons, coreFailures }: CoreContext,
): readonly Instruction[] {
  if (btf === undefined || targets === undefined) return instructions
  const { instructions: relocated, failures } = relocateCore(instructions, btf, targets)
  for (const failure of failures) {
    const { slot, kind, subject, reason } = failure
    const explanation = `it needs ${kind} of ${subject}, but ${reason}`
    poisons.add({ number: poisonNumbers.core, slot, explanation })
    coreFailures?.push(failure)
  }
  return relocated
}
