/**
 * The pipeline from the instructions of a spec to those that the kernel gets: one list of passes. Whatever loads,
 * verifies or shows programs runs this list, or the beginning of it.
 *
 * A pass returns the instructions that it was given, or a list of its own; it changes neither the list nor the
 * instructions in it. None changes how many slots there are before an instruction, but `functions`, which appends.
 *
 * Source: libbpf `bpf_object__relocate`, `bpf_object_prepare_progs`.
 *
 * @module
 */

import { resolveLabels } from '../asm/assemble.ts'
import type { Instruction } from '../asm/instruction.ts'
import { applyCore, type CoreContext } from './passes/core.ts'
import { type ExternContext, resolveExterns } from './passes/externs.ts'
import { type FunctionContext, linkFunctions } from './passes/functions.ts'
import { type MapContext, resolveMaps } from './passes/maps.ts'
import { type MissingMapContext, poisonMissingMaps } from './passes/missing-maps.ts'
import { type OlderHelperContext, useOlderHelpers } from './passes/older-helpers.ts'

/** What the passes need to know besides the instructions. A pass without its part does nothing, or as it says. */
export interface PassContext
  extends FunctionContext,
    CoreContext,
    ExternContext,
    MissingMapContext,
    OlderHelperContext,
    MapContext {}

/** One step: instructions in, instructions out. */
export type Pass = (instructions: readonly Instruction[], context: PassContext) => readonly Instruction[]

/** Name of a pass. */
export type PassName =
  | 'functions'
  | 'core'
  | 'externs'
  | 'missing maps'
  | 'older helpers'
  | 'labels'
  | 'map descriptors'

/** All passes, in order. */
const passes: readonly (readonly [name: PassName, pass: Pass])[] = [
  // Appends the functions that the program uses.
  ['functions', linkFunctions],
  // Fits accesses to the kernel's types; poisons those that it does not have.
  ['core', applyCore],
  // Puts in ids and addresses of the kernel's symbols; poisons calls of functions that it does not have.
  ['externs', resolveExterns],
  // Poisons loads of maps that are not created.
  ['missing maps', poisonMissingMaps],
  // Replaces helpers that the kernel is too old for.
  ['older helpers', useOlderHelpers],

  // The program is prepared. A collection loads its BTF and creates its maps here.

  // Makes jumps and calls relative.
  ['labels', resolveLabels],
  // Puts in the descriptors of maps, also of those that stand for jump tables. Nothing refers to anything by name any more.
  ['map descriptors', resolveMaps],

  // What is left is encoded, with function and line information: `load-fields.ts`.
]

/** Links a program: all functions that it uses are in it. Needs no kernel. */
export const linkPasses: Pass = through('functions')

/** Links a program and applies CO-RE: needs the kernel's types, and no kernel. */
export const corePasses: Pass = through('core')

/** Prepares a program: what it needs of the kernel is in it, and only maps are missing. */
export const preparePasses: Pass = through('older helpers')

/** Finishes a prepared program. */
export const finishPasses: Pass = after('older helpers')

/** The passes up to one of them. */
function through(last: PassName): Pass {
  return composed(passes.slice(0, indexOf(last) + 1))
}

/** The passes behind one of them. */
function after(previous: PassName): Pass {
  return composed(passes.slice(indexOf(previous) + 1))
}

function indexOf(wanted: PassName): number {
  return passes.findIndex(([name]) => name === wanted)
}

function composed(part: typeof passes): Pass {
  const steps = part.map(([, pass]) => pass)
  return (instructions, context) => {
    let result = instructions
    for (const step of steps) result = step(result, context)
    return result
  }
}
