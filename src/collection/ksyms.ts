/**
 * Symbols of the kernel in instructions: ids of its variables and functions, addresses.
 *
 * Only what the programs to be loaded refer to is searched for: unlike with libbpf, an optional program may need what
 * the kernel lacks.
 *
 * Source: libbpf `bpf_object__resolve_ksym_var_btf_id`, `bpf_object__resolve_ksym_func_btf_id`, `find_ksym_btf_id`,
 * `bpf_object__read_kallsyms_file`, `bpf_object__relocate_data`.
 *
 * @module
 */

import { BPF_PSEUDO_BTF_ID, BPF_PSEUDO_KFUNC_CALL } from '../abi/constants.ts'
import type { Instruction } from '../asm/instruction.ts'
import { LDIMM64 } from '../asm/opcodes.ts'
import { BpfError, NotSupportedError } from '../base/errors.ts'
import type { Btf } from '../btf/btf.ts'
import { typesAreCompatible } from '../btf/core/match.ts'
import { typeName } from '../btf/text/type-name.ts'
import type { ExternSpec, KfuncExtern, KsymExtern } from '../elf/externs.ts'
import { kernelBtf } from '../kernel/btf.ts'
import { BtfObject } from '../objects/btf-object.ts'
import { type MissingKfunc, poisonedCall } from '../programs/kfuncs.ts'
import { KernelSymbols } from '../symbols/kallsyms.ts'

/** What came of an extern. */
type Resolution =
  /** A variable or function: its BTF id, and the module that has it. */
  | { btfId: number; module: BtfObject | undefined }
  | { address: bigint }
  /** It is weak, and there is none. */
  | { missing: string }

/** Instructions with symbols resolved, and the functions that are not there. */
export interface ResolvedExterns {
  instructions: Instruction[]
  missingKfuncs: MissingKfunc[]
}

/** Finds the symbols that an object leaves to the kernel. */
export class KernelExterns implements Disposable {
  readonly #externs: ReadonlyMap<string, ExternSpec>
  readonly #indexes: ReadonlyMap<string, number>
  readonly #btf: Btf | undefined
  readonly #readSymbols: () => KernelSymbols
  readonly #resolutions = new Map<string, Resolution>()
  /** Modules that have called functions; instructions say which by its place, from 1. */
  readonly #called: BtfObject[] = []
  #modules: BtfObject[] | undefined
  #symbols: KernelSymbols | undefined

  /**
   * @param btf the object's, which the types of the externs are in
   * @param readSymbols default: reads those of the running kernel
   */
  constructor(
    externs: ReadonlyMap<string, ExternSpec>,
    btf: Btf | undefined,
    readSymbols: () => KernelSymbols = () => KernelSymbols.read(),
  ) {
    this.#externs = externs
    this.#indexes = new Map([...externs.keys()].map((name, index) => [name, index]))
    this.#btf = btf
    this.#readSymbols = readSymbols
  }

  /**
   * Resolves the references of a program; gives its instructions back when there are none.
   *
   * @throws BpfError `ERR_UNRESOLVED` when the kernel lacks a symbol that is not weak, or has another type of it
   */
  resolve(instructions: Instruction[]): ResolvedExterns {
    if (!instructions.some(({ reference }) => reference?.kind === 'extern'))
      return { instructions, missingKfuncs: [] }
    const missing = new Map<string, MissingKfunc>()
    const resolved = instructions.map(instruction => {
      if (instruction.reference?.kind !== 'extern') return instruction
      const { reference, ...rest } = instruction
      const { name, addend } = reference
      const resolution = this.#resolve(name)
      if (rest.opcode === LDIMM64) return { ...rest, ...loadOf(resolution, addend) }
      if ('btfId' in resolution) return { ...rest, ...this.#callOf(resolution) }
      const index = this.#indexes.get(name)!
      const reason = 'missing' in resolution ? resolution.missing : 'it is no function'
      missing.set(name, { index, name, reason })
      return { ...rest, dst: 0, src: 0, offset: 0, imm: poisonedCall({ index }) }
    })
    return { instructions: resolved, missingKfuncs: [...missing.values()] }
  }

  /** What `BPF_PROG_LOAD` takes as `fd_array`; `undefined` when no module's functions are called. */
  get fdArray(): Int32Array | undefined {
    return this.#called.length === 0 ? undefined : Int32Array.of(0, ...this.#called.map(({ fd }) => fd))
  }

  #callOf({ btfId, module }: { btfId: number; module: BtfObject | undefined }): Partial<Instruction> {
    if (module !== undefined && !this.#called.includes(module)) this.#called.push(module)
    // 0 stands for the kernel itself.
    const offset = module === undefined ? 0 : this.#called.indexOf(module) + 1
    return { src: BPF_PSEUDO_KFUNC_CALL, offset, imm: btfId }
  }

  #resolve(name: string): Resolution {
    let resolution = this.#resolutions.get(name)
    if (resolution === undefined) {
      resolution = this.#find(name)
      this.#resolutions.set(name, resolution)
    }
    return resolution
  }

  #find(name: string): Resolution {
    const extern = this.#externs.get(name)
    if (extern === undefined || extern.kind === 'kconfig') throw unresolved(`nothing defines ${name}`)
    if (extern.kind === 'kfunc') return this.#findTyped(extern, extern.essentialName, 'func')
    return extern.typeId === 0 ? this.#findAddress(extern) : this.#findTyped(extern, name, 'var')
  }

  #findTyped(extern: KsymExtern | KfuncExtern, name: string, kind: 'var' | 'func'): Resolution {
    const what = kind === 'var' ? 'variable' : 'kfunc'
    const found = this.#search(extern, name, kind)
    if (found === undefined) return weakOr(extern, `the kernel has no ${what} ${name}${hintOf(kind)}`)
    const { btf, btfId, module } = found
    const symbol = btf.type(btfId) as { type: number }
    const local = this.#btf
    if (local === undefined) throw unresolved(`the object has no BTF with the type of ${name}`)
    const actual = btf.resolve(symbol.type)
    if (typesAreCompatible(local, extern.typeId, btf, actual)) return { btfId, module }
    const reason = `the kernel's ${what} ${name} is ${typeName(btf, actual)}, not ${typeName(local, extern.typeId)}`
    if (kind === 'var') throw unresolved(reason)
    return weakOr(extern, reason)
  }

  #search(
    { weak }: ExternSpec,
    name: string,
    kind: 'var' | 'func',
  ): { btf: Btf; btfId: number; module: BtfObject | undefined } | undefined {
    let btf: Btf
    try {
      btf = kernelBtf()
    } catch (error) {
      // A kernel without BTF lacks what has a type.
      if (weak && error instanceof NotSupportedError) return undefined
      throw error
    }
    const btfId = btf.find(name, kind)
    if (btfId !== undefined) return { btf, btfId, module: undefined }
    for (const module of this.#openModules()) {
      const types = module.types()
      const own = types.findAll(name, kind).find(id => id >= types.firstId)
      if (own !== undefined) return { btf: types, btfId: own, module }
    }
    return undefined
  }

  #openModules(): readonly BtfObject[] {
    if (this.#modules === undefined) {
      // Each is ours from the moment it is open, whatever becomes of the next.
      this.#modules = []
      for (const module of BtfObject.modules()) this.#modules.push(module)
    }
    return this.#modules
  }

  #findAddress(extern: KsymExtern): Resolution {
    const { name } = extern
    this.#symbols ??= this.#readSymbols()
    const found = this.#symbols.findVariables(name)
    const addresses = new Set(found.map(({ address }) => address))
    const [address, other] = addresses
    if (address === undefined) return weakOr(extern, `the kernel has no symbol ${name}`)
    if (other !== undefined) {
      throw unresolved(
        `symbol ${name} is ambiguous: it is at 0x${address.toString(16)} and 0x${other.toString(16)}`,
      )
    }
    if (address === 0n && this.#symbols.hidden) {
      throw unresolved(
        `the kernel hides the address of ${name} from this process: set kernel.kptr_restrict to 0 or 1, and have CAP_SYSLOG`,
      )
    }
    return { address }
  }

  /** Closes the modules' BTF; programs that are loaded hold what they call. */
  [Symbol.dispose](): void {
    for (const module of this.#modules ?? []) module.close()
    this.#modules = []
  }
}

/** Fields of a 64-bit load. */
function loadOf(resolution: Resolution, addend: number): Partial<Instruction> {
  if ('address' in resolution) return { imm: BigInt.asUintN(64, resolution.address + BigInt(addend)) }
  if ('missing' in resolution) return { imm: 0n }
  const { btfId, module } = resolution
  return { src: BPF_PSEUDO_BTF_ID, imm: (BigInt(module?.fd ?? 0) << 32n) | BigInt(btfId) }
}

function weakOr({ weak }: ExternSpec, reason: string): Resolution {
  if (weak) return { missing: reason }
  throw unresolved(reason)
}

/** BTF has only per-CPU variables, and those only if it was made by pahole 1.18 or later; few know. */
function hintOf(kind: 'var' | 'func'): string {
  return kind === 'var' ? ' with a type: of variables, its BTF has at most those of each CPU' : ''
}

function unresolved(reason: string): BpfError {
  return new BpfError(reason, { code: 'ERR_UNRESOLVED' })
}
