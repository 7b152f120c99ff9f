/**
 * Joining a program with the functions it calls.
 *
 * Source: libbpf `bpf_object__reloc_code`, whose order the program's tag depends on.
 *
 * @module
 */

import type { Instruction } from '../asm/instruction.ts'
import { BpfError } from '../errors.ts'

/**
 * Appends every function that is called or whose address is taken, each once, in the order of the first use; what a
 * function uses comes right after it.
 *
 * @param main instructions of the program, which may contain functions already
 * @throws BpfError when it uses a function that does not exist
 */
export function linkFunctions(
  main: readonly Instruction[],
  functions: ReadonlyMap<string, readonly Instruction[]>,
): Instruction[] {
  const linked = [...main]
  const present = new Set(main.map(each => each.symbol))
  const follow = (body: readonly Instruction[]): void => {
    for (const { reference } of body) {
      if (reference?.kind !== 'call' && reference?.kind !== 'function') continue
      if (present.has(reference.name)) continue
      if (!functions.has(reference.name)) {
        throw new BpfError(
          `Cannot link the program: there is no function ${JSON.stringify(reference.name)}`,
          {
            code: 'ERR_UNRESOLVED',
          },
        )
      }
      const callee = functions.get(reference.name)!
      present.add(reference.name)
      linked.push(...callee)
      follow(callee)
    }
  }
  follow(main)
  return linked
}
