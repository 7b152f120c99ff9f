/**
 * CO-RE without a kernel: what an object's relocations would come to on a kernel of which only the BTF is there.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import type { CoreFailure, CoreTargets } from '../btf/core/relocate.ts'
import type { CollectionSpec } from '../collection/spec.ts'
import { Poisons } from '../programs/passes/poison.ts'
import { corePasses } from '../programs/pipeline.ts'
import { type JoinOptions, linkedPrograms } from './linked.ts'

/** What the relocations of one program come to. */
export interface CoreDryRun {
  readonly program: string
  /** How many relocations it has. */
  readonly relocations: number
  /** Those without a value. The program is refused unless it never gets to them, as behind `bpf_core_field_exists`. */
  readonly failures: readonly CoreFailure[]
  /** Why its relocations cannot be applied at all; `null` when they can. */
  readonly error: string | null
}

/**
 * Applies the CO-RE relocations of every program to a kernel's types. Pure.
 *
 * @param kernel BTF of vmlinux
 * @param modules BTF of modules, split from it; default: none
 * @throws ObjectFileError when the programs exceed `maxInstructions`
 */
export function dryRunCore(
  spec: CollectionSpec,
  kernel: Btf,
  modules: readonly Btf[] = [],
  options: JoinOptions = {},
): CoreDryRun[] {
  const targets: CoreTargets = { kernel: () => kernel, modules: () => modules }
  return Array.from(linkedPrograms(spec, options), ({ name: program, program: each, instructions }) => {
    const relocations = instructions.filter(({ relocation }) => relocation !== undefined).length
    const failures: CoreFailure[] = []
    const btf = each.btf ?? spec.btf
    try {
      // They are linked: only CO-RE is left of these passes.
      corePasses(instructions, { btf, targets, poisons: new Poisons(), coreFailures: failures })
      return { program, relocations, failures, error: null }
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      return { program, relocations, failures: [], error: error.message }
    }
  })
}
