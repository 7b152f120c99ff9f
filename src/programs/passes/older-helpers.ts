/**
 * The pass for kernels that are older than the object: helpers that they lack become older ones that do the same.
 *
 * Source: libbpf `bpf_object__sanitize_prog`.
 *
 * @module
 */

import { helpers } from '../../abi/generated/enums.ts'
import { type Instruction, isHelperCall } from '../../asm/instruction.ts'
import { features } from '../../kernel/probes/features.ts'
import { predates } from '../../kernel/probes/probe.ts'

/** What this pass needs to know. */
export interface OlderHelperContext {
  /**
   * Whether the kernel is without `bpf_probe_read_kernel` and `_user` (5.5). Called when a program calls one of them.
   * Default: asks the running kernel.
   */
  readonly lacksProbeReadKernel?: (() => boolean) | undefined
}

/** What kernels before 5.5 have instead: one helper for the memory of both the kernel and the process. */
const PROBE_READ: ReadonlyMap<number, number> = new Map([
  [helpers.probe_read_kernel, helpers.probe_read],
  [helpers.probe_read_user, helpers.probe_read],
  [helpers.probe_read_kernel_str, helpers.probe_read_str],
  [helpers.probe_read_user_str, helpers.probe_read_str],
])

/** Replaces the helpers that the kernel lacks. */
export function useOlderHelpers(
  instructions: readonly Instruction[],
  { lacksProbeReadKernel = () => predates(features.probeReadKernel) }: OlderHelperContext,
): readonly Instruction[] {
  if (!instructions.some(each => olderHelper(each) !== undefined)) return instructions
  if (!lacksProbeReadKernel()) return instructions
  return instructions.map(instruction => {
    const imm = olderHelper(instruction)
    return imm === undefined ? instruction : { ...instruction, imm }
  })
}

/** The helper that did what the called one does. */
function olderHelper(instruction: Instruction): number | undefined {
  return isHelperCall(instruction) ? PROBE_READ.get(Number(instruction.imm)) : undefined
}
