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
  // The bodies being read, innermost last; not the call stack, which a long chain of functions would overflow.
  const open = [main.values()]
  for (let body = open.at(-1); body !== undefined; body = open.at(-1)) {
    const next = body.next()
    if (next.done === true) {
      open.pop()
      continue
    }
    const { reference } = next.value
    if (reference?.kind !== 'call' && reference?.kind !== 'function') continue
    if (present.has(reference.name)) continue
    const callee = find(functions, reference.name)
    present.add(reference.name)
    for (const instruction of callee) linked.push(instruction)
    open.push(callee.values())
  }
  return linked
}

function find(functions: ReadonlyMap<string, readonly Instruction[]>, name: string): readonly Instruction[] {
  // Before `get`, which throws where the map is one of named things.
  if (!functions.has(name)) {
    throw new BpfError(`Cannot link the program: there is no function ${JSON.stringify(name)}`, {
      code: 'ERR_UNRESOLVED',
    })
  }
  return functions.get(name)!
}
