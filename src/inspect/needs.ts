/**
 * What objects need of the kernel, and the first Linux release with each of these things. Pure: found out from the
 * specs alone.
 *
 * Source: the tables of `ebpf-ts/kernel`; Documentation/bpf/standardization/instruction-set.rst, git history of
 * kernel/bpf/verifier.c.
 *
 * @module
 */

import { BPF_F_SLEEPABLE, BPF_F_XDP_HAS_FRAGS } from '../abi/constants.ts'
import { featureSince } from '../abi/feature-since.ts'
import { type AttachType, attachTypes, helpers, mapTypes, programTypes } from '../abi/generated/enums.ts'
import { BPF_F_INNER_MAP, BPF_F_LINK, BPF_F_MMAPABLE, BPF_F_RDONLY_PROG } from '../abi/generated/flags.ts'
import { helperSince } from '../abi/helper-since.ts'
import { enumName } from '../abi/names.ts'
import {
  attachTypeSince,
  compareReleases,
  type LinuxRelease,
  mapTypeSince,
  programTypeSince,
} from '../abi/since.ts'
import { type Instruction, slotCount } from '../asm/instruction.ts'
import {
  ADDRESS_SPACE_CAST,
  aluOperations,
  atomicOperations,
  CLASS_MASK,
  classes,
  jumpOperations,
  MODE_MASK,
  modes,
  OPERATION_MASK,
  SOURCE_MASK,
  sources,
} from '../asm/opcodes.ts'
import { r11 } from '../asm/registers.ts'
import { mapKind } from '../maps/kinds.ts'
import { isDataSection, type MapSpec } from '../maps/spec.ts'
import type { ExternSpec } from '../programs/extern-spec.ts'
import type { ProgramSpec } from '../programs/spec.ts'

/** Something that not every kernel has. */
export interface KernelNeed {
  /** What it is: `'map type ringbuf'`, `'helper bpf_loop'`, `'a loop'`. */
  readonly what: string
  /** First Linux release with it. */
  readonly since: LinuxRelease
}

/** What an object needs altogether. */
export interface KernelNeeds {
  /** First Linux release with everything in the list; `null` when the list is empty. */
  readonly since: LinuxRelease | null
  /** What decides: the needs that came with that release. */
  readonly because: readonly string[]
  /** All of them, the newest first. */
  readonly needs: readonly KernelNeed[]
}

/** Attach types that older kernels take too, as it is of no importance to them before the program is attached. */
const ONLY_ATTACH: readonly (AttachType | number)[] = [
  'xdp',
  'tcx_ingress',
  'tcx_egress',
  'netkit_primary',
  'netkit_peer',
  'sk_reuseport_select',
]

/** Puts needs together: each once, the newest first. */
export function summarizeNeeds(needs: Iterable<KernelNeed>): KernelNeeds {
  const once = new Map<string, KernelNeed>()
  for (const need of needs) once.set(need.what, need)
  const sorted = [...once.values()].sort((a, b) => compareReleases(b.since, a.since))
  const since = sorted[0]?.since ?? null
  return {
    since,
    because: sorted.filter(each => each.since === since).map(({ what }) => what),
    needs: sorted,
  }
}

/** What a map needs: its type, its flags, and what its inner maps need. */
export function mapNeeds(spec: MapSpec): KernelNeed[] {
  const needs: KernelNeed[] = []
  const type = enumName(mapTypes, typeof spec.type === 'number' ? spec.type : mapTypes[spec.type])
  if (typeof type !== 'number') needs.push({ what: `map type ${type}`, since: mapTypeSince[type] })
  const flags = spec.flags ?? 0
  if ((flags & BPF_F_RDONLY_PROG) !== 0)
    needs.push({ what: 'a map that programs only read', since: featureSince.readOnlyMaps })
  // The loader does without it for global data; and an arena always has it.
  if ((flags & BPF_F_MMAPABLE) !== 0 && !isDataSection(spec) && mapKind(spec.type).mappable === true)
    needs.push({ what: 'a map in the memory of a process', since: featureSince.mmapableMaps })
  if ((flags & BPF_F_INNER_MAP) !== 0)
    needs.push({ what: 'inner maps of different sizes', since: featureSince.innerMapFlag })
  if ((flags & BPF_F_LINK) !== 0)
    needs.push({ what: 'a link of operations', since: attachTypeSince.struct_ops })
  if (spec.innerMap !== undefined) needs.push(...mapNeeds(spec.innerMap))
  return needs
}

/**
 * What a program needs: its type and attach type, the helpers that it calls, and what its instructions are.
 *
 * A helper counts from the release that has it, although some program types may call it only since a later one.
 *
 * @param instructions those of the program and of the functions that it uses
 * @param externs what the instructions may leave to the kernel to define
 */
export function programNeeds(
  spec: ProgramSpec,
  instructions: readonly Instruction[],
  externs: ReadonlyMap<string, ExternSpec> = new Map(),
): KernelNeed[] {
  const needs: KernelNeed[] = []
  const type = enumName(programTypes, typeof spec.type === 'number' ? spec.type : programTypes[spec.type])
  if (typeof type !== 'number' && type !== 'unspec')
    needs.push({ what: `program type ${type}`, since: programTypeSince[type] })
  const { expectedAttachType: given } = spec
  if (given !== undefined) {
    const attachType = enumName(attachTypes, typeof given === 'number' ? given : attachTypes[given])
    if (typeof attachType !== 'number') {
      const what = ONLY_ATTACH.includes(attachType)
        ? `attaching as ${attachType}`
        : `attach type ${attachType}`
      needs.push({ what, since: attachTypeSince[attachType] })
    }
  }
  const flags = spec.flags ?? 0
  if ((flags & BPF_F_SLEEPABLE) !== 0 && type !== 'syscall')
    needs.push({
      what: 'a program that sleeps',
      since: sleepableSince(type, given),
    })
  if ((flags & BPF_F_XDP_HAS_FRAGS) !== 0)
    needs.push({ what: 'fragments of packets', since: featureSince.xdpFragments })
  const found = new Map<string, KernelNeed>()
  for (const instruction of instructions) {
    for (const need of instructionNeeds(instruction, externs)) found.set(need.what, need)
  }
  if (hasLoop(instructions)) found.set('a loop', { what: 'a loop', since: featureSince.loops })
  return [...needs, ...found.values()]
}

/** First release on which programs of a type may sleep. */
function sleepableSince(
  type: ProgramSpec['type'],
  attachType: ProgramSpec['expectedAttachType'],
): LinuxRelease {
  if (type === 'kprobe') return featureSince.sleepableUprobes
  const atTracepoint =
    type === 'tracepoint' ||
    type === 'raw_tracepoint' ||
    attachType === 'trace_raw_tp' ||
    attachType === attachTypes.trace_raw_tp
  return atTracepoint ? featureSince.sleepableTracepoints : featureSince.sleepablePrograms
}

function instructionNeeds(instruction: Instruction, externs: ReadonlyMap<string, ExternSpec>): KernelNeed[] {
  const { opcode, offset, reference } = instruction
  switch (reference?.kind) {
    case 'call':
      return [{ what: 'a call of a BPF function', since: featureSince.bpfToBpfCalls }]
    case 'function':
      return [{ what: 'the address of a BPF function', since: featureSince.functionAddresses }]
    case 'jump_table':
      return [{ what: 'a jump table', since: mapTypeSince.insn_array }]
    case 'map_value':
      return [{ what: 'global data', since: featureSince.globalData }]
    case 'extern':
      // `get` of named things throws for what is not there.
      return externs.has(reference.name) ? externNeeds(externs.get(reference.name)!) : []
  }
  const kind = opcode & CLASS_MASK
  const operation = opcode & OPERATION_MASK
  const register = (opcode & SOURCE_MASK) === sources.x
  switch (kind) {
    case classes.alu:
    case classes.alu64:
      if (
        operation === aluOperations.mov &&
        register &&
        offset === ADDRESS_SPACE_CAST &&
        kind === classes.alu64
      )
        return [{ what: 'a cast between address spaces', since: mapTypeSince.arena }]
      if (operation === aluOperations.mov && register && offset !== 0) return [VERSION_4]
      if ((operation === aluOperations.div || operation === aluOperations.mod) && offset !== 0)
        return [VERSION_4]
      return operation === aluOperations.end && kind === classes.alu64 ? [VERSION_4] : []
    case classes.st:
      return instruction.dst === r11.number ? [STACK_ARGUMENTS] : []
    case classes.ldx:
      if (instruction.src === r11.number) return [STACK_ARGUMENTS]
      return (opcode & MODE_MASK) === modes.memsx ? [VERSION_4] : []
    case classes.stx:
      if (instruction.dst === r11.number) return [STACK_ARGUMENTS]
      return (opcode & MODE_MASK) === modes.atomic ? atomicNeeds(Number(instruction.imm)) : []
    case classes.jmp:
    case classes.jmp32:
      return jumpNeeds(instruction, kind, operation, register)
    default:
      return []
  }
}

function externNeeds(extern: ExternSpec): KernelNeed[] {
  if (extern.kind === 'kfunc')
    return [{ what: 'a call of a kernel function', since: featureSince.kfuncCalls }]
  // Without a type it is an address, which the loader finds itself.
  return extern.kind === 'ksym' && extern.typeId !== 0
    ? [{ what: 'a variable of the kernel', since: featureSince.kernelVariables }]
    : []
}

/** Instructions that came together. */
const VERSION_4: KernelNeed = { what: 'instructions of version 4', since: featureSince.instructionsV4 }
const STACK_ARGUMENTS: KernelNeed = {
  what: 'calls with more than five arguments',
  since: featureSince.stackArguments,
}
const JUMPS_32: KernelNeed = { what: '32-bit jumps', since: featureSince.jumps32 }

function jumpNeeds(
  { src, imm }: Instruction,
  kind: number,
  operation: number,
  register: boolean,
): KernelNeed[] {
  switch (operation) {
    case jumpOperations.call: {
      if (src !== 0) return []
      const name = enumName(helpers, Number(imm))
      return typeof name === 'number' || name === 'unspec'
        ? []
        : [{ what: `helper bpf_${name}`, since: helperSince[name] }]
    }
    case jumpOperations.jcond:
      return [{ what: 'may_goto', since: featureSince.mayGoto }]
    case jumpOperations.ja:
      if (register) return [{ what: 'an indirect jump', since: featureSince.indirectJumps }]
      return kind === classes.jmp32 ? [VERSION_4] : []
    case jumpOperations.jlt:
    case jumpOperations.jle:
    case jumpOperations.jslt:
    case jumpOperations.jsle:
      return [
        kind === classes.jmp32
          ? JUMPS_32
          : { what: 'instructions of version 2', since: featureSince.instructionsV2 },
      ]
    default:
      return kind === classes.jmp32 ? [JUMPS_32] : []
  }
}

function atomicNeeds(operation: number): KernelNeed[] {
  if (operation === atomicOperations.add) return []
  if (operation === atomicOperations.load_acquire || operation === atomicOperations.store_release)
    return [{ what: 'load-acquire and store-release', since: featureSince.acquireRelease }]
  return [{ what: 'atomic operations', since: featureSince.atomics }]
}

/** Whether a jump goes back: kernels before 5.3 refuse every one. */
function hasLoop(instructions: readonly Instruction[]): boolean {
  return instructions.some(({ opcode, offset, imm, reference }) => {
    const kind = opcode & CLASS_MASK
    const operation = opcode & OPERATION_MASK
    if (reference !== undefined || (kind !== classes.jmp && kind !== classes.jmp32)) return false
    if (operation === jumpOperations.call || operation === jumpOperations.exit) return false
    // `may_goto` brings its own end.
    if (operation === jumpOperations.jcond) return false
    return (operation === jumpOperations.ja && kind === classes.jmp32 ? Number(imm) : offset) < 0
  })
}

/** 8-byte slots that instructions fill: what the kernel counts. */
export function slotsOf(instructions: readonly Instruction[]): number {
  return instructions.reduce((sum, each) => sum + slotCount(each), 0)
}
