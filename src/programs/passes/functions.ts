/**
 * The pass that joins a program with the functions it uses.
 *
 * Source: libbpf `bpf_object__reloc_code`, whose order the program's tag depends on.
 *
 * @module
 */

import type { Instruction, Reference } from '../../asm/instruction.ts'
import { CALL } from '../../asm/opcodes.ts'
import { BpfError } from '../../base/errors.ts'

/** What this pass needs to know. */
export interface FunctionContext {
  /** Functions that programs may call, by name. Default: the program has all that it calls. */
  readonly functions?: ReadonlyMap<string, readonly Instruction[]> | undefined
  /** Name of the function that runs when the program throws: it is appended last. Default: none. */
  readonly exceptionCallback?: string | undefined
}

/**
 * Calls of what the object does not define go to the function of that name, when the caller adds one.
 *
 * Appends every function that is called or whose address is taken, each once, in the order of the first use; what a
 * function uses comes right after it.
 *
 * @param main instructions of the program, which may contain functions already
 * @throws BpfError `ERR_UNRESOLVED` when it uses a function that does not exist
 */
export function linkFunctions(
  main: readonly Instruction[],
  { functions, exceptionCallback }: FunctionContext,
): readonly Instruction[] {
  if (functions === undefined) return main
  let linked: Instruction[] | undefined
  let present: Set<string> | undefined
  const isPresent = (name: string): boolean => {
    present ??= symbolsOf(main)
    return present.has(name)
  }
  // The bodies being read, innermost last; not the call stack, which a long chain of functions would overflow.
  const open = [{ body: main, next: 0 }]
  const append = (name: string): void => {
    const body = find(functions, name)
    present?.add(name)
    linked ??= [...main]
    for (const instruction of body) linked.push(instruction)
    open.push({ body, next: 0 })
  }
  let definesExterns = false
  for (let reading = open.at(-1); reading !== undefined; reading = open.at(-1)) {
    const used = nextFunction(reading, functions)
    definesExterns ||= used !== undefined && reading.body[reading.next - 1]!.reference?.kind === 'extern'
    if (used === undefined) {
      open.pop()
      const isLast = open.length === 0 && exceptionCallback !== undefined
      if (isLast && !isPresent(exceptionCallback)) append(exceptionCallback)
    } else if (!isPresent(used)) {
      append(used)
    }
  }
  const result = linked ?? main
  if (!definesExterns) return result
  return result.map(each =>
    isDefinedCall(each, functions)
      ? { ...each, reference: { kind: 'call', name: each.reference.name } as const }
      : each,
  )
}

function symbolsOf(instructions: readonly Instruction[]): Set<string> {
  const symbols = new Set<string>()
  for (const { symbol } of instructions) if (symbol !== undefined) symbols.add(symbol)
  return symbols
}

/** Whether an instruction calls an extern that is among the functions: the caller defines it. */
function isDefinedCall(
  instruction: Instruction,
  functions: ReadonlyMap<string, unknown>,
): instruction is Instruction & { reference: Reference } {
  const { opcode, reference } = instruction
  return reference?.kind === 'extern' && opcode === CALL && functions.has(reference.name)
}

/** Name of the next function that a body uses; `undefined` at its end. */
function nextFunction(
  reading: { body: readonly Instruction[]; next: number },
  functions: ReadonlyMap<string, unknown>,
): string | undefined {
  const { body } = reading
  while (reading.next < body.length) {
    const instruction = body[reading.next++]!
    const { reference } = instruction
    if (reference?.kind === 'call' || reference?.kind === 'function') return reference.name
    if (isDefinedCall(instruction, functions)) return instruction.reference.name
  }
  return undefined
}

function find(functions: ReadonlyMap<string, readonly Instruction[]>, name: string): readonly Instruction[] {
  // Before `get`, which throws where the map is one of named things.
  if (!functions.has(name)) {
    throw new BpfError(`it uses function ${JSON.stringify(name)}, which does not exist`, {
      code: 'ERR_UNRESOLVED',
    })
  }
  return functions.get(name)!
}
