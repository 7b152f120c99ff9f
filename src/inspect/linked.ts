/**
 * The programs of an object with the functions that they use, for those who want to know what is in them.
 *
 * @module
 */

import type { CoreRelocation, Instruction } from '../asm/instruction.ts'
import { shortened } from '../base/codec.ts'
import { BpfError, ObjectFileError } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { describeAccess, parseAccess } from '../btf/core/access.ts'
import type { CollectionSpec } from '../collection/spec.ts'
import { Poisons } from '../programs/passes/poison.ts'
import { linkPasses } from '../programs/pipeline.ts'
import type { ProgramSpec } from '../programs/spec.ts'

/** Limits of joining programs with their functions, for objects that are not trusted. */
export interface JoinOptions {
  /**
   * Instructions of all programs, each with the functions that it uses: thousands of programs may use the same ones.
   * Default: 4,194,304.
   */
  maxInstructions?: number
}

/** A program, and its instructions with those of the functions that it uses. */
export interface LinkedProgram {
  readonly name: string
  readonly program: ProgramSpec
  readonly instructions: readonly Instruction[]
}

/**
 * The instructions of every program with the functions that it uses, as the kernel will get them but for relocations;
 * those of the program alone when it uses one that the object does not have.
 *
 * @throws ObjectFileError when they exceed the limit
 */
export function* linkedPrograms(spec: CollectionSpec, options: JoinOptions = {}): Generator<LinkedProgram> {
  const { maxInstructions = 1 << 22 } = options
  let total = 0
  for (const [name, program] of spec.programs) {
    const instructions = linked(spec, program)
    total += instructions.length
    if (total > maxInstructions) {
      throw new ObjectFileError(
        `The programs have more than ${maxInstructions} instructions with the functions that they use (option maxInstructions)`,
      )
    }
    yield { name, program, instructions }
  }
}

function linked(spec: CollectionSpec, program: ProgramSpec): readonly Instruction[] {
  try {
    const { instructions, exceptionCallback } = program
    return linkPasses(instructions, {
      functions: spec.functions,
      exceptionCallback,
      poisons: new Poisons(),
    })
  } catch (error) {
    if (error instanceof BpfError && error.code === 'ERR_UNRESOLVED') return program.instructions
    throw error
  }
}

/** Longest text about a relocation: an access has up to 64 names. */
const MAX_SUBJECT = 1000

/**
 * What a CO-RE relocation is about: `'struct task_struct.pid'`; in numbers when it does not fit the types.
 *
 * @param btf types of the object
 */
export function relocationSubject(relocation: CoreRelocation, btf: Btf | undefined): string {
  try {
    if (btf !== undefined) return shortened(describeAccess(parseAccess(btf, relocation)), MAX_SUBJECT)
  } catch (error) {
    if (!(error instanceof BpfError)) throw error
  }
  return shortened(`type ${relocation.typeId} access ${JSON.stringify(relocation.access)}`, MAX_SUBJECT)
}
