/**
 * Instructions for kernels that are older than the object.
 *
 * Source: libbpf `bpf_object__sanitize_prog`.
 *
 * @module
 */

import { helpers } from '../abi/generated/enums.ts'
import { type Instruction, isHelperCall } from '../asm/instruction.ts'

/** What kernels before 5.5 have instead: one helper for the memory of both the kernel and the process. */
const PROBE_READ: ReadonlyMap<number, number> = new Map([
  [helpers.probe_read_kernel, helpers.probe_read],
  [helpers.probe_read_user, helpers.probe_read],
  [helpers.probe_read_kernel_str, helpers.probe_read_str],
  [helpers.probe_read_user_str, helpers.probe_read_str],
])

/**
 * Replaces helpers that a kernel lacks by older ones that do the same; gives the instructions back when it lacks none.
 *
 * @param lacksProbeReadKernel whether the kernel is without `bpf_probe_read_kernel` and `_user`; asked when a program
 *   calls one of them
 */
export function downLevel(instructions: Instruction[], lacksProbeReadKernel: () => boolean): Instruction[] {
  if (!instructions.some(each => olderHelper(each) !== undefined) || !lacksProbeReadKernel())
    return instructions
  return instructions.map(instruction => {
    const imm = olderHelper(instruction)
    return imm === undefined ? instruction : { ...instruction, imm }
  })
}

/** The helper that did what the called one does. */
function olderHelper(instruction: Instruction): number | undefined {
  return isHelperCall(instruction) ? PROBE_READ.get(Number(instruction.imm)) : undefined
}
