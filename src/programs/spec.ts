/**
 * Description of a program that is not loaded yet. Pure: no file descriptor, no kernel.
 *
 * @module
 */

import type { AttachType, ProgramType } from '../abi/generated/enums.ts'
import type { Instruction } from '../asm/instruction.ts'
import type { ByteOrder } from '../base/bytes.ts'
import type { Btf } from '../btf/btf.ts'

/** A plain, editable description of a program. */
export interface ProgramSpec {
  /** Name; the kernel keeps 15 bytes of it. Default: none. */
  name?: string
  /** Program type, or its number when the tables do not know it yet. */
  type: ProgramType | number
  /** What the program will be attached to, where the verifier must know it. Default: 0. */
  expectedAttachType?: AttachType | number
  /**
   * The main function, followed by the functions it calls. An object file's functions are joined when the
   * collection is loaded.
   */
  instructions: Instruction[]
  /** Name of the function that runs when the program throws, when it is not in `instructions`. Since Linux 6.7. */
  exceptionCallback?: string
  /** License; GPL-only helpers need one that the kernel counts as GPL compatible. Default: `''`. */
  license?: string
  /** Name of the section it came from, with `?` and target, such as `'fentry/vfs_read'`. */
  sectionName?: string
  /** What to attach to: the part of the section name after `/`, or what the caller sets. */
  attachTarget?: string
  /** For `freplace`, and `fentry` or `fexit` of BPF programs: the program to attach to. */
  attachProgram?: { readonly fd: number }
  /** `BPF_F_*` program flags, such as `BPF_F_SLEEPABLE`. */
  flags?: number
  /** Kernel version code, which kernels before 5.0 check for kprobes. Default: the running kernel's. */
  kernelVersion?: number
  /** Network device that the program is bound to. */
  ifindex?: number
  /** Whether `Collection.load` loads it; `false` for `SEC("?...")`. Default: `true`. */
  autoload?: boolean
  /** BTF that `funcTypeId` and the relocations of the instructions belong to. */
  btf?: Btf
  /** Byte order that the program was compiled for. Default: the host's. */
  byteOrder?: ByteOrder
}

/** A deep copy that can be edited alone; `btf` is shared, since it is immutable. */
export function copyProgramSpec(spec: ProgramSpec): ProgramSpec {
  return { ...spec, instructions: copyInstructions(spec.instructions) }
}

/** Copies instructions with their references and relocations. */
export function copyInstructions(instructions: readonly Instruction[]): Instruction[] {
  return instructions.map(each => {
    const copy = { ...each }
    if (each.reference !== undefined) copy.reference = { ...each.reference }
    return copy
  })
}

/** A program as error messages name it: `'on_exec (tp/sched/sched_process_exec)'`. */
export function describeProgram({ name, sectionName }: Pick<ProgramSpec, 'name' | 'sectionName'>): string {
  const section = sectionName === undefined ? '' : ` (${sectionName})`
  return `${name ?? 'without a name'}${section}`
}
