/**
 * CO-RE: fits instructions that were compiled against one kernel's types to those of another. Every kind of
 * relocation, every decision as libbpf makes it.
 *
 * A relocation that the kernel cannot satisfy is not an error yet, since the program may guard it with
 * `bpf_core_field_exists`: its instruction is replaced by a call that the verifier refuses if it is ever reached.
 *
 * Source: libbpf relo_core.c `bpf_core_calc_relo_insn`, `bpf_core_calc_relo`, `bpf_core_patch_insn`.
 *
 * @module
 */

import { type CoreRelocationKind, coreRelocationKinds } from '../../abi/generated/enums.ts'
import { type CoreRelocation, type Instruction, type SourceLine, slotCount } from '../../asm/instruction.ts'
import { CLASS_MASK, classes, LDIMM64, SIZE_MASK, SOURCE_MASK, sizes, sources } from '../../asm/opcodes.ts'
import { poisoned, poisonNumbers } from '../../asm/poison.ts'
import type { Btf } from '../btf.ts'
import type { BtfType } from '../types.ts'
import { type CoreAccess, coreError, describeAccess, describeType, parseAccess } from './access.ts'
import { type Candidate, candidatesIn, matchAccess } from './match.ts'
import { type CoreValue, coreValue } from './value.ts'

/** Where to look for the kernel's types. Called when the first relocation needs them. */
export interface CoreTargets {
  /** Types of vmlinux. */
  kernel(): Btf
  /** Types of modules, which are searched when vmlinux has no candidate. Default: none. */
  modules?(): Iterable<Btf>
}

/** A relocation that the kernel cannot satisfy. */
export interface CoreFailure {
  readonly kind: CoreRelocationKind
  /** What was asked for, such as `'struct task_struct.no_such_field'`. */
  readonly subject: string
  /** Why it has no value. */
  readonly reason: string
  /** Line of the access, when the object has line info. */
  readonly source: SourceLine | undefined
  /** Slot of the instruction in the program. */
  readonly slot: number
}

/** Relocated instructions. */
export interface CoreResult {
  /** The given list when it has no relocations. */
  readonly instructions: readonly Instruction[]
  /** In the order of the poisoned instructions. */
  readonly failures: CoreFailure[]
}

/** Bits of the size in the opcode of a load or store, by bytes. */
const SIZES: Readonly<Record<number, number>> = { 1: sizes.b, 2: sizes.h, 4: sizes.w, 8: sizes.dw }

/** What is known of the relocations of one object: its programs have most of them in common. */
interface CoreCache {
  readonly candidates: CandidateCache
  /** By kind, type and access. A later relocation may narrow the candidates, but not so that this one's value changes. */
  readonly resolutions: Map<string, Resolution>
}

/** Values by what a kernel has and what an object has; each lives as long as both. */
type PerObject<K extends object, V> = WeakMap<K, WeakMap<Btf, V>>

function perObject<K extends object, V>(all: PerObject<K, V>, key: K, local: Btf, make: () => V): V {
  const byObject = all.get(key) ?? new WeakMap<Btf, V>()
  all.set(key, byObject)
  const value = byObject.get(local) ?? make()
  byObject.set(local, value)
  return value
}

/** The cache of an object, for as long as its targets are used. As in libbpf it is that of all programs. */
const caches: PerObject<CoreTargets, CoreCache> = new WeakMap()

/**
 * Resolutions by the types of vmlinux, for later loads of the same object: those that no other relocation and no module
 * that is loaded later can change, since vmlinux has just one candidate.
 */
const lasting: PerObject<Btf, Map<string, Resolution>> = new WeakMap()

/**
 * Candidates by local type. Those that lack what one relocation asks for are not asked again, unless all lack it:
 * later relocations of the same type are about the same kernel type.
 */
type CandidateCache = Map<number, Candidates>

interface Candidates {
  list: readonly Candidate[]
  /** Whether vmlinux has one and no more, so that nothing can narrow the list. */
  readonly alone: boolean
}

/**
 * Applies all relocations of a program. Give the same targets for all programs of an object: what one has looked up the
 * others need not.
 *
 * @param local types that the object was compiled with
 * @throws BpfError `ERR_CORE` when a relocation is malformed, or candidates disagree about its value
 */
export function relocateCore(
  instructions: readonly Instruction[],
  local: Btf,
  targets: CoreTargets,
): CoreResult {
  const { candidates, resolutions } = perObject(caches, targets, local, newCache)
  const failures: CoreFailure[] = []
  let source: SourceLine | undefined
  let next = 0
  let relocated: Instruction[] | undefined
  for (let i = 0; i < instructions.length; i++) {
    const instruction = instructions[i]!
    source = instruction.source ?? source
    const slot = next
    next += slotCount(instruction)
    if (instruction.relocation === undefined) {
      relocated?.push(instruction)
      continue
    }
    relocated ??= instructions.slice(0, i)
    const { relocation, ...copy } = instruction
    const key = `${relocation.kind} ${relocation.typeId} ${relocation.access}`
    const resolution = resolutions.get(key) ?? lookUp(key, relocation, local, targets, candidates)
    resolutions.set(key, resolution)
    const reason = 'reason' in resolution ? resolution.reason : patch(copy, resolution)
    if (reason === undefined) {
      relocated.push(copy)
      continue
    }
    const { kind } = resolution.access
    failures.push({ kind, subject: describeAccess(resolution.access), reason, source, slot })
    relocated.push(...poisoned(copy, poisonNumbers.core))
  }
  return { instructions: relocated ?? instructions, failures }
}

/** What a relocation means on this kernel. */
type Resolution = { access: CoreAccess } & ({ reason: string } | { before: CoreValue; after: CoreValue })

const newResolutions = (): Map<string, Resolution> => new Map()
const newCache = (): CoreCache => ({ candidates: new Map(), resolutions: newResolutions() })

function lookUp(
  key: string,
  relocation: CoreRelocation,
  local: Btf,
  targets: CoreTargets,
  cache: CandidateCache,
): Resolution {
  // What needs no kernel does not ask for its types.
  if (relocation.kind === coreRelocationKinds.type_id_local) return resolve(relocation, local, targets, cache)
  const known = perObject(lasting, targets.kernel(), local, newResolutions)
  const resolution = known.get(key) ?? resolve(relocation, local, targets, cache)
  if (cache.get(relocation.typeId)?.alone) known.set(key, resolution)
  return resolution
}

function resolve(
  relocation: CoreRelocation,
  local: Btf,
  targets: CoreTargets,
  cache: CandidateCache,
): Resolution {
  const access = parseAccess(local, relocation)
  const { kind } = access
  const before = coreValue(kind, access)!
  if (kind === 'type_id_local') return { access, before, after: before }

  const name = local.name(relocation.typeId)
  if (name === '') throw coreError(`${describeType(local, relocation.typeId)} has no name to search for`)
  const matches: { candidate: Candidate; target: CoreAccess; value: CoreValue }[] = []
  const found = candidates(name, relocation.typeId, local, targets, cache)
  for (const candidate of found.list) {
    const target = matchAccess(access, candidate)
    if (target !== undefined) matches.push({ candidate, target, value: coreValue(kind, target)! })
  }
  const [first, ...others] = matches
  if (first === undefined) {
    const after = coreValue(kind, undefined)
    if (after !== undefined) return { access, before, after }
    const missing = found.list.length === 0 ? describeType(local, relocation.typeId) : describeAccess(access)
    return { access, reason: `the kernel has no ${missing}` }
  }
  for (const { target, value } of others) {
    if (target.bitOffset !== first.target.bitOffset || value.value !== first.value.value) {
      throw coreError(
        `${describeAccess(access)} is ambiguous: ${kind} is ${first.value.value} in type ${first.target.rootId} of the kernel, ${value.value} in type ${target.rootId}`,
      )
    }
  }
  found.list = matches.map(({ candidate }) => candidate)
  return { access, before, after: first.value }
}

function candidates(
  name: string,
  typeId: number,
  local: Btf,
  targets: CoreTargets,
  cache: CandidateCache,
): Candidates {
  const known = cache.get(typeId)
  if (known !== undefined) return known
  const kind = local.kind(typeId)
  const list = candidatesIn(targets.kernel(), name, kind)
  const found = { list, alone: list.length === 1 }
  if (list.length === 0)
    for (const module of targets.modules?.() ?? [])
      for (const each of candidatesIn(module, name, kind)) list.push(each)
  cache.set(typeId, found)
  return found
}

/** Puts the value where the instruction has it; a text says why it is not there: it would read the wrong bytes. */
function patch(
  instruction: Instruction,
  { before, after, access }: { before: CoreValue; after: CoreValue; access: CoreAccess },
): string | undefined {
  const { opcode } = instruction
  const expect = (actual: bigint): void => {
    if (before.exact && BigInt.asUintN(64, actual) !== before.value) {
      throw coreError(`the instruction for ${describeAccess(access)} has ${actual}, not ${before.value}`)
    }
  }
  switch (opcode & CLASS_MASK) {
    case classes.alu:
    case classes.alu64:
      if ((opcode & SOURCE_MASK) !== sources.k) throw unexpected(opcode)
      expect(BigInt(instruction.imm))
      instruction.imm = Number(BigInt.asIntN(32, after.value))
      return undefined
    case classes.ldx:
    case classes.st:
    case classes.stx: {
      expect(BigInt(instruction.offset))
      if (after.value > 0x7fffn) {
        throw coreError(
          `the offset of ${describeAccess(access)} is ${after.value}, more than an instruction holds`,
        )
      }
      const opcodeAfter = resize(opcode, before, after)
      if (opcodeAfter === undefined) {
        return `${describeAccess(access)} has another size on this kernel, and only pointers and unsigned integers can be read with another size`
      }
      instruction.opcode = opcodeAfter
      instruction.offset = Number(after.value)
      return undefined
    }
    case classes.ld:
      if (opcode !== LDIMM64 || instruction.src !== 0 || instruction.offset !== 0) throw unexpected(opcode)
      expect(BigInt(instruction.imm))
      instruction.imm = after.value
      return undefined
    default:
      throw unexpected(opcode)
  }
}

function unexpected(opcode: number): Error {
  return coreError(`opcode 0x${opcode.toString(16)} holds no relocatable value`)
}

/** The opcode with the size of the kernel's field; `undefined` when the value would change. */
function resize(opcode: number, before: CoreValue, after: CoreValue): number | undefined {
  // Only one of them is a bitfield: such a field has no size of its own.
  const { type: oldType, size: oldSize } = before.field ?? NO_FIELD
  const { type: newType, size: newSize } = after.field ?? NO_FIELD
  if (oldSize === newSize) return opcode
  const pointers = oldType?.kind === 'ptr' && newType?.kind === 'ptr'
  const unsigned =
    oldType?.kind === 'int' &&
    newType?.kind === 'int' &&
    oldType.encoding !== 'signed' &&
    newType.encoding !== 'signed'
  if (!pointers && !unsigned) return undefined
  const size = SIZES[newSize]
  if ((opcode & SIZE_MASK) !== SIZES[oldSize] || size === undefined) {
    throw coreError(
      `an access of another size than the field's ${oldSize} bytes cannot be resized to ${newSize}`,
    )
  }
  return (opcode & ~SIZE_MASK) | size
}

const NO_FIELD: { type?: BtfType; size: number } = { size: 0 }
