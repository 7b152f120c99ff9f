/**
 * Replaces references by what they stand for, once maps have file descriptors.
 *
 * Source: libbpf `bpf_object__relocate_data`, include/uapi/linux/bpf.h (`BPF_PSEUDO_*`).
 *
 * @module
 */

import { BPF_PSEUDO_MAP_FD, BPF_PSEUDO_MAP_VALUE } from '../abi/constants.ts'
import { assemble } from '../asm/assemble.ts'
import type { Instruction } from '../asm/instruction.ts'
import { LDIMM64 } from '../asm/opcodes.ts'
import { BpfError } from '../base/errors.ts'

/** Finds the map that an instruction names; `undefined` when there is none. */
export type MapResolver = (name: string) => { readonly fd: number } | undefined

/**
 * Copies instructions with labels resolved to offsets and map names to file descriptors.
 *
 * @param action what fails without them: `'Cannot load program p'`
 * @throws BpfError when a map does not exist, or a reference is of a kind that only a collection resolves
 */
export function resolveReferences(
  instructions: readonly Instruction[],
  maps: MapResolver,
  action: string,
): Instruction[] {
  const mapFd = (name: string): number => {
    const map = maps(name)
    if (map === undefined) throw unresolved(`${action}: there is no map ${JSON.stringify(name)}`)
    return map.fd
  }
  const resolved = assemble(instructions)
  for (let i = 0; i < resolved.length; i++) {
    const instruction = resolved[i]!
    const reference = instruction.reference
    if (reference === undefined) continue
    switch (reference.kind) {
      case 'map':
        resolved[i] = patchMap(instruction, BPF_PSEUDO_MAP_FD, mapFd(reference.name), 0)
        break
      case 'map_value':
        resolved[i] = patchMap(instruction, BPF_PSEUDO_MAP_VALUE, mapFd(reference.name), reference.offset)
        break
      default:
        throw unresolved(
          `${action}: the ${reference.kind} reference to ${JSON.stringify(reference.name)} is not resolved`,
        )
    }
  }
  return resolved
}

function unresolved(message: string): BpfError {
  return new BpfError(message, { code: 'ERR_UNRESOLVED' })
}

/** The low half of the immediate is the fd, the high half the offset in the value. */
function patchMap(instruction: Instruction, pseudo: number, fd: number, offset: number): Instruction {
  if (instruction.opcode !== LDIMM64) {
    throw unresolved('Cannot refer to a map from an instruction that is not a 64-bit immediate load')
  }
  const { reference: _, ...patched } = instruction
  patched.src = pseudo
  patched.imm = (BigInt.asUintN(32, BigInt(offset)) << 32n) | BigInt(fd)
  return patched
}
