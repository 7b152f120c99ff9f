/**
 * CO-RE without a kernel: what an object's relocations would come to on a kernel of which only the BTF is there.
 *
 * @module
 */

import { BpfError } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { type CoreFailure, relocateCore } from '../btf/core/relocate.ts'
import type { CollectionSpec } from '../collection/spec.ts'
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
  return Array.from(linkedPrograms(spec, options), ({ name: program, program: each, instructions }) => {
    const relocations = instructions.filter(({ relocation }) => relocation !== undefined).length
    const local = each.btf ?? spec.btf
    if (local === undefined) return { program, relocations, failures: [], error: null }
    try {
      const { failures } = relocateCore(instructions, local, { kernel: () => kernel, modules: () => modules })
      return { program, relocations, failures, error: null }
    } catch (error) {
      if (!(error instanceof BpfError)) throw error
      return { program, relocations, failures: [], error: error.message }
    }
  })
}
