/**
 * The pass that poisons references to maps that are not created: a program may be written so that it never gets to
 * them on this kernel.
 *
 * Source: libbpf `poison_map_ldimm64`.
 *
 * @module
 */

import { type Instruction, slotCount } from '../../asm/instruction.ts'
import { LDIMM64 } from '../../asm/opcodes.ts'
import { poisoned, poisonNumbers } from '../../asm/poison.ts'
import type { Poisons } from './poison.ts'

/** What this pass needs to know. */
export interface MissingMapContext {
  /** Whether a map of the object is not created. Default: all are. */
  readonly isMissing?: ((map: string) => boolean) | undefined
  readonly poisons: Poisons
}

/** Poisons the loads of maps that are not created. */
export function poisonMissingMaps(
  instructions: readonly Instruction[],
  { isMissing, poisons }: MissingMapContext,
): readonly Instruction[] {
  return isMissing === undefined ? instructions : poisonMaps(instructions, isMissing, poisons)
}

function poisonMaps(
  instructions: readonly Instruction[],
  isMissing: (map: string) => boolean,
  poisons: Poisons,
): readonly Instruction[] {
  const missing = new Map<string, number>()
  const result: Instruction[] = []
  let slot = 0
  for (const instruction of instructions) {
    const name = mapOf(instruction)
    if (name === undefined || !isMissing(name)) {
      result.push(instruction)
    } else {
      const index = missing.get(name) ?? missing.size
      missing.set(name, index)
      const number = poisonNumbers.map + index
      const explanation = `it needs map ${name}, but that is not created (autocreate)`
      poisons.add({ number, slot, explanation })
      result.push(...poisoned(instruction, number))
    }
    slot += slotCount(instruction)
  }
  return missing.size === 0 ? instructions : result
}

/** Name of the map that an instruction loads. */
function mapOf({ opcode, reference }: Instruction): string | undefined {
  const isMap = reference?.kind === 'map' || reference?.kind === 'map_value'
  return isMap && opcode === LDIMM64 ? reference.name : undefined
}
