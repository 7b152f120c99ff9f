/**
 * Maps that are not created: a program may be written so that it never gets to them on this kernel, so references to
 * them are no error until the verifier reaches one.
 *
 * Source: libbpf `poison_map_ldimm64`, `fixup_log_missing_map_load`.
 *
 * @module
 */

import type { Instruction } from '../asm/instruction.ts'
import { CALL, LDIMM64 } from '../asm/opcodes.ts'

/** `imm` of the calls that stand for the first map's address; no helper has such a number, and people can tell. */
const POISON = 2_001_000_000

/** A map that a program refers to and that is not created. */
export interface MissingMap {
  /** A number below a million, unique in the program. */
  readonly index: number
  readonly name: string
}

/** Instructions without references to some maps, and which of them there were. */
export interface WithoutMaps {
  readonly instructions: Instruction[]
  readonly missing: MissingMap[]
}

/**
 * Replaces references to maps that are not created by calls that the verifier refuses.
 *
 * @param isMissing whether a map is not created
 */
export function poisonMaps(
  instructions: readonly Instruction[],
  isMissing: (name: string) => boolean,
): WithoutMaps {
  const missing = new Map<string, MissingMap>()
  const poisoned = instructions.flatMap(instruction => {
    if (instruction.reference === undefined || instruction.opcode !== LDIMM64) return instruction
    const { kind, name } = instruction.reference
    if ((kind !== 'map' && kind !== 'map_value') || !isMissing(name)) return instruction
    const map = missing.get(name) ?? { index: missing.size, name }
    missing.set(map.name, map)
    const call: Instruction = { opcode: CALL, dst: 0, src: 0, offset: 0, imm: POISON + map.index }
    const { reference: _, ...rest } = instruction
    // Each slot becomes a call, so that jumps over the load stay right.
    return [{ ...rest, ...call }, call]
  })
  return { instructions: poisoned, missing: [...missing.values()] }
}

/**
 * What the verifier means when it refuses such a call; `undefined` when it refused something else.
 *
 * @param log the verifier's log
 */
export function describeMissingMap(log: string, missing: readonly MissingMap[]): string | undefined {
  const number = Number(/invalid func unknown#(\d+)/.exec(log)?.[1])
  const found = missing.find(({ index }) => POISON + index === number)
  return found === undefined ? undefined : `it needs map ${found.name}, but that is not created (autocreate)`
}
