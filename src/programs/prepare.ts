/**
 * From the spec of a program to one that can be loaded once its maps exist, and from there to its instructions.
 *
 * @module
 */

import type { Instruction } from '../asm/instruction.ts'
import { requireSpec } from '../base/arguments.ts'
import { hostByteOrder } from '../base/bytes.ts'
import { BpfError, withAction } from '../base/errors.ts'
import { suggestion } from '../base/nearest.ts'
import { programTypeOf } from './attach-target.ts'
import { Poisons } from './passes/poison.ts'
import { finishPasses, type PassContext, preparePasses } from './pipeline.ts'
import { sectionDefinitions } from './sections.ts'
import { describeProgram, type ProgramSpec } from './spec.ts'

/** A program that only lacks the descriptors of its maps. */
export interface PreparedProgram {
  /** What it was made from, with its own instructions. */
  readonly spec: ProgramSpec
  /** Instructions that stand for what the kernel lacks. */
  readonly poisons: Poisons
}

/**
 * Runs the passes that need no maps.
 *
 * @param context what the program does not have itself; `btf` counts where the spec has none
 * @throws BpfError `ERR_INVALID_SPEC` when it can never be loaded here; or as the passes say
 */
export function prepareProgram(
  spec: ProgramSpec,
  context: Omit<PassContext, 'poisons'> = {},
): PreparedProgram {
  requireSpec(spec, 'Program.load', 'ProgramSpec', 'instructions')
  const poisons = new Poisons()
  const btf = spec.btf ?? context.btf
  const instructions = forLoading(spec, () => {
    checkLoadable(spec)
    const { exceptionCallback } = spec
    return preparePasses(spec.instructions, { ...context, btf, poisons, exceptionCallback })
  })
  // Whoever edits one of the two does not change the other.
  const own = instructions === spec.instructions ? [...instructions] : (instructions as Instruction[])
  return { spec: { ...spec, instructions: own }, poisons }
}

/**
 * The instructions as the kernel gets them.
 *
 * @throws BpfError when a map, a label or anything else that they name does not exist
 */
export function finishProgram(
  { spec, poisons }: PreparedProgram,
  { maps, jumpTables }: Pick<PassContext, 'maps' | 'jumpTables'>,
): readonly Instruction[] {
  return forLoading(spec, () => finishPasses(spec.instructions, { maps, jumpTables, poisons }))
}

/** Puts the program before what a pass says. */
function forLoading<T>(spec: ProgramSpec, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw error instanceof BpfError
      ? withAction(error, `Cannot load program ${describeProgram(spec)}`)
      : error
  }
}

function checkLoadable(spec: ProgramSpec): void {
  const fail = (reason: string): never => {
    throw new BpfError(reason, { code: 'ERR_INVALID_SPEC' })
  }
  if (programTypeOf(spec) === 0) fail(whyNoType(spec))
  if (spec.instructions.length === 0) fail('it has no instructions')
  if (spec.byteOrder !== undefined && spec.byteOrder !== hostByteOrder) {
    fail(`it was compiled for ${spec.byteOrder}-endian machines, this one is ${hostByteOrder}-endian`)
  }
}

function whyNoType({ sectionName }: ProgramSpec): string {
  if (sectionName === undefined) return 'its spec has neither a type nor a section name'
  const [name = ''] = sectionName.split('/')
  const like = suggestion(
    name,
    sectionDefinitions.map(each => each.name),
  )
  return `the section name ${JSON.stringify(sectionName)} gives no program type${like}; set \`type\` of its spec, or rename the section`
}
