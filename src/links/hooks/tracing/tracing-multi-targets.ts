/**
 * The functions of a tracing_multi link: which of them match a pattern, and by which ids the kernel knows them.
 *
 * Source: libbpf 1.8 `bpf_program__attach_tracing_multi`; kernel/bpf/btf.c `btf_distill_func_proto`.
 *
 * @module
 */

import { BpfError } from '../../../base/errors.ts'
import type { Btf } from '../../../btf/btf.ts'
import { similarName } from '../../../btf/similar.ts'
import type { BtfFunc, BtfFuncProto } from '../../../btf/types.ts'
import { kernelBtf } from '../../../kernel/btf.ts'
import { BtfObject } from '../../../objects/btf-object.ts'
import { readProgramInfo } from '../../../programs/info.ts'
import { explainFunction } from '../../../symbols/explain-function.ts'
import { splitModule } from '../../../symbols/kallsyms.ts'
import { type TraceableFunction, traceableFunctions } from '../../../symbols/traceable.ts'
import type { ProgramHandle } from '../../link.ts'
import { type FunctionPattern, functionMatcher, type RejectedFunction } from '../function-pattern.ts'

/** `MAX_BPF_FUNC_ARGS`. */
const MAX_ARGUMENTS = 12
/** Bytes of an argument that two registers pass. */
const MAX_ARGUMENT_SIZE = 16
/** Bytes of a result. */
const MAX_RESULT_SIZE = 8

/** The types that the functions of a program are of. */
export interface TargetTypes {
  readonly types: Btf
  /** Name of the module that the program was loaded for; `undefined` for the kernel itself. */
  readonly module: string | undefined
  /** Id of that module's BTF object; 0 for the kernel itself. */
  readonly objectId: number
}

/** Functions by their BTF ids. */
export interface TypedFunctions {
  readonly ids: readonly number[]
  /** What the pattern matches besides. */
  readonly rejected: readonly RejectedFunction[]
}

/**
 * The types that the functions of a program are of: those of the kernel, or of the module that it was loaded for.
 *
 * @throws BpfError when this process may not read those of a module
 */
export function targetTypes(program: ProgramHandle): TargetTypes {
  const kernel: TargetTypes = { types: kernelBtf(), module: undefined, objectId: 0 }
  if (program.spec !== undefined) {
    const [module = 'vmlinux'] = splitModule(program.spec.attachTarget ?? '')
    if (module === 'vmlinux') return kernel
  }
  const objectId = readProgramInfo(program.fd).attachBtfObjectId
  if (objectId === 0) return kernel
  using object = BtfObject.fromId(objectId)
  return object.name === 'vmlinux' ? kernel : { types: object.types(), module: object.name, objectId }
}

/**
 * The ids of functions.
 *
 * @param what names the attachment in errors
 * @param functions names, which may be qualified by the module that the program was loaded for, or by `'vmlinux'`; or ids
 * @throws BpfError `ENOENT` when BTF has no such function, `ERR_AMBIGUOUS` when it has several, `ERR_INVALID_SPEC` for
 *   functions of another module
 */
export function idsOf(
  what: string,
  program: ProgramHandle,
  functions: readonly (string | number)[],
): number[] {
  const target = targetTypes(program)
  return functions.map(each => {
    if (typeof each === 'string') return idOfSymbol(what, target, each)
    if (!isFunction(target, each)) {
      const message = `Cannot attach ${what}: ${each} is not the id of a function in ${whereOf(target)}`
      throw new BpfError(message, { code: 'ENOENT' })
    }
    return each
  })
}

function idOfSymbol(what: string, target: TargetTypes, symbol: string): number {
  const [module, name] = splitModule(symbol)
  requireModule(what, module, target)
  // Only those of the BTF itself: a module must not answer for the kernel.
  const found = target.types.findAll(name, 'func').filter(id => id >= target.types.firstId)
  if (found.length === 1) return found[0]!
  const where = whereOf(target)
  if (found.length > 1) {
    const message = `Cannot attach ${what}: ${where} has ${found.length} functions ${name}`
    throw new BpfError(message, { code: 'ERR_AMBIGUOUS' })
  }
  const reason = explainFunction(symbol, 'fentry') ?? likeName(target.types, name)
  const message = `Cannot attach ${what}: ${where} has no func ${name}`
  throw new BpfError(reason === undefined ? message : `${message}: ${reason}`, { code: 'ENOENT' })
}

function isFunction({ types }: TargetTypes, id: number): boolean {
  return Number.isInteger(id) && id >= types.firstId && id < types.typeCount && types.kind(id) === 'func'
}

function whereOf({ module }: TargetTypes): string {
  return module === undefined ? "the kernel's BTF" : `the BTF of ${module}`
}

function likeName(types: Btf, name: string): string | undefined {
  const similar = similarName(types, name, 'func')
  return similar === undefined ? undefined : `did you mean ${similar}?`
}

/**
 * The functions that match a pattern.
 *
 * @param what names the attachment in errors
 * @param pattern a glob may be qualified by the module that the program was loaded for, or by `'vmlinux'`
 * @throws BpfError when the pattern is empty or for another module, or the list of traceable functions cannot be read
 */
export function idsOfPattern(what: string, program: ProgramHandle, pattern: FunctionPattern): TypedFunctions {
  const [module, plain] = typeof pattern === 'string' ? splitModule(pattern) : [undefined, pattern]
  // First, so that a pattern that cannot be used costs nothing.
  const matches = functionMatcher(plain)
  const target = targetTypes(program)
  requireModule(what, module, target)
  return selectTyped(matches, target.types, traceableFunctions(), target.module)
}

function requireModule(what: string, wanted: string | undefined, { module = 'vmlinux' }: TargetTypes): void {
  if (wanted === undefined || wanted === module) return
  const own = module === 'vmlinux' ? 'the kernel itself' : `module ${module}`
  const other = wanted === 'vmlinux' ? 'the kernel itself' : `module ${wanted}`
  throw new BpfError(
    `Cannot attach ${what}: it was loaded for functions of ${own}, not of ${other}: load it with attachTarget '${wanted}:*'`,
    { code: 'ERR_INVALID_SPEC' },
  )
}

/**
 * The functions that match, can be traced, and whose arguments a trampoline can pass.
 *
 * @param types of the kernel, or of a module
 * @param traceable functions of the whole kernel
 * @param module whose functions are meant; `undefined` for the kernel itself
 */
export function selectTyped(
  matches: (name: string) => boolean,
  types: Btf,
  traceable: readonly TraceableFunction[],
  module: string | undefined,
): TypedFunctions {
  const sites = new Map<string, number>()
  for (const each of traceable) {
    if (each.module === module && matches(each.name)) sites.set(each.name, (sites.get(each.name) ?? 0) + 1)
  }
  const ids: number[] = []
  const rejected: RejectedFunction[] = []
  const typed = new Map<string, number[]>()
  types.forEachId(id => {
    if (types.kind(id) !== 'func') return
    const name = types.name(id)
    if (!matches(name)) return
    const known = typed.get(name)
    if (known === undefined) typed.set(name, [id])
    else known.push(id)
  })
  for (const [name, [id, other]] of typed) {
    const count = sites.get(name) ?? 0
    if (count === 0) rejected.push({ name, reason: 'notrace' })
    else if (count > 1 || other !== undefined) rejected.push({ name, reason: 'ambiguous' })
    else if (!canBePassed(types, id!)) rejected.push({ name, reason: 'arguments' })
    else ids.push(id!)
  }
  for (const name of sites.keys()) if (!typed.has(name)) rejected.push({ name, reason: 'untyped' })
  return { ids, rejected }
}

/** Whether a trampoline can pass the arguments and the result of a function. */
function canBePassed(types: Btf, id: number): boolean {
  const { type, params } = types.type((types.type(id) as BtfFunc).type) as BtfFuncProto
  if (params.length > MAX_ARGUMENTS) return false
  const result = types.resolved(type)
  const fits = result.kind === 'void' || (isScalar(result.kind) && types.sizeOf(type) <= MAX_RESULT_SIZE)
  return fits && params.every(param => isArgument(types, param.type))
}

/** Without a type, a parameter stands for those that the dots of its function take. */
function isArgument(types: Btf, type: number): boolean {
  const { kind } = types.resolved(type)
  return (isScalar(kind) || kind === 'struct' || kind === 'union') && types.sizeOf(type) <= MAX_ARGUMENT_SIZE
}

function isScalar(kind: string): boolean {
  return kind === 'int' || kind === 'ptr' || kind === 'enum' || kind === 'enum64'
}
