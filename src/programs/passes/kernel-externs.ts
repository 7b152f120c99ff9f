/**
 * Finds the kernel's symbols that an object leaves to the kernel to define: ids of its variables and functions,
 * addresses.
 *
 * Only what the programs to be loaded refer to is searched for: unlike with libbpf, an optional program may need what
 * the kernel lacks.
 *
 * Source: libbpf `bpf_object__resolve_ksym_var_btf_id`, `bpf_object__resolve_ksym_func_btf_id`, `find_ksym_btf_id`,
 * `bpf_object__read_kallsyms_file`.
 *
 * @module
 */

import { BpfError, NotSupportedError, unlessRefused } from '../../base/errors.ts'
import type { Btf } from '../../btf/btf.ts'
import { typesAreCompatible } from '../../btf/core/match.ts'
import { typeDifference } from '../../btf/core/type-difference.ts'
import { similarName } from '../../btf/similar.ts'
import { typeName } from '../../btf/text/type-name.ts'
import { kernelBtf } from '../../kernel/btf.ts'
import { BtfObject } from '../../objects/btf-object.ts'
import { KernelSymbols } from '../../symbols/kallsyms.ts'
import type { ExternSpec, KfuncExtern, KsymExtern } from '../extern-spec.ts'

/** A variable or function of the kernel: its BTF id, and the module that has it. */
export interface TypedSymbol {
  readonly btfId: number
  /** `undefined` for the kernel itself. */
  readonly module: BtfObject | undefined
}

/** What an extern is on this kernel. */
export type FoundExtern =
  | TypedSymbol
  | { readonly address: bigint }
  /** It is weak, and the kernel does not have it: why, as in "but ...". */
  | { readonly missing: string }

/** Finds the externs of an object, each once. */
export class KernelExterns implements Disposable {
  readonly #externs: ReadonlyMap<string, ExternSpec>
  readonly #indexes: ReadonlyMap<string, number>
  readonly #btf: Btf | undefined
  readonly #defined: ReadonlyMap<string, bigint>
  readonly #readSymbols: () => KernelSymbols
  readonly #found = new Map<string, FoundExtern>()
  /** Modules that have called functions; instructions say which by its place, from 1. */
  readonly #called: BtfObject[] = []
  #modules: BtfObject[] | undefined
  #symbols: KernelSymbols | undefined

  /**
   * @param btf the object's, which the types of the externs are in
   * @param readSymbols default: reads those of the running kernel
   * @param defined addresses that the caller gives symbols, by name: the kernel is not asked for these
   */
  constructor(
    externs: ReadonlyMap<string, ExternSpec>,
    btf: Btf | undefined,
    readSymbols: () => KernelSymbols = () => KernelSymbols.read(),
    defined: ReadonlyMap<string, bigint> = new Map(),
  ) {
    this.#defined = defined
    this.#externs = externs
    this.#indexes = new Map([...externs.keys()].map((name, index) => [name, index]))
    this.#btf = btf
    this.#readSymbols = readSymbols
  }

  /**
   * What an extern is on this kernel.
   *
   * @throws BpfError `ERR_UNRESOLVED` when the kernel lacks it and it is not weak, or has it with another type
   */
  find(name: string): FoundExtern {
    let symbol = this.#found.get(name)
    if (symbol === undefined) {
      symbol = this.#search(name)
      this.#found.set(name, symbol)
    }
    return symbol
  }

  /** Place of an extern among those of the object, from 0. */
  indexOf(name: string): number {
    return this.#indexes.get(name)!
  }

  /** `offset` of a call of a module's function: the place of the module in `fdArray`. 0 stands for the kernel itself. */
  callOffset({ module }: TypedSymbol): number {
    if (module === undefined) return 0
    if (!this.#called.includes(module)) this.#called.push(module)
    return this.#called.indexOf(module) + 1
  }

  /** What `BPF_PROG_LOAD` takes as `fd_array`; `undefined` when no module's functions are called. */
  get fdArray(): Int32Array | undefined {
    return this.#called.length === 0 ? undefined : Int32Array.of(0, ...this.#called.map(({ fd }) => fd))
  }

  #search(name: string): FoundExtern {
    const address = this.#defined.get(name)
    if (address !== undefined) return { address }
    const extern = this.#externs.get(name)
    if (extern?.kind === 'undefined') return weakOr(extern, extern.reason)
    if (extern === undefined || extern.kind === 'kconfig') throw unresolved(`nothing defines ${name}`)
    if (extern.kind === 'kfunc') return this.#findTyped(extern, extern.essentialName, 'func')
    return extern.typeId === 0 ? this.#findAddress(extern) : this.#findTyped(extern, name, 'var')
  }

  #findTyped(extern: KsymExtern | KfuncExtern, name: string, kind: 'var' | 'func'): FoundExtern {
    const what = kind === 'var' ? 'variable' : 'kfunc'
    const found = this.#findType(extern, name, kind)
    if (found === undefined) {
      const reason = `the kernel has no ${what} ${name}`
      return weakOr(extern, reason + hintOf(kind), () => `${reason}${similarType(name, kind)}${hintOf(kind)}`)
    }
    const { btf, btfId, module } = found
    const symbol = btf.type(btfId) as { type: number }
    const local = this.#btf
    if (local === undefined) throw unresolved(`the object has no BTF with the type of ${name}`)
    const actual = btf.resolve(symbol.type)
    if (typesAreCompatible(local, extern.typeId, btf, actual)) return { btfId, module }
    const [theirs, ours] = [typeName(btf, actual), typeName(local, extern.typeId)]
    const reason =
      theirs === ours
        ? `the kernel's ${what} ${name} is another ${ours}: ${typeDifference(local, extern.typeId, btf, actual)}`
        : `the kernel's ${what} ${name} is ${theirs}, not ${ours}`
    if (kind === 'var') throw unresolved(reason)
    return weakOr(extern, reason)
  }

  #findType(
    { weak }: ExternSpec,
    name: string,
    kind: 'var' | 'func',
  ): (TypedSymbol & { readonly btf: Btf }) | undefined {
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
      // Each is ours from the moment it is open, even when the next one cannot be opened.
      this.#modules = []
      for (const module of BtfObject.modules()) this.#modules.push(module)
    }
    return this.#modules
  }

  #findAddress(extern: KsymExtern): FoundExtern {
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

/** @param full the reason with what takes time to find out, which only a failure is worth */
function weakOr({ weak }: ExternSpec, reason: string, full: () => string = () => reason): FoundExtern {
  if (weak) return { missing: reason }
  throw unresolved(full())
}

/** A type of the kernel itself whose name is like one that is not there, as the end of a message. */
function similarType(name: string, kind: 'var' | 'func'): string {
  const similar = unlessRefused(() => similarName(kernelBtf(), name, kind))
  return similar === undefined ? '' : `; did you mean ${similar}?`
}

/** BTF has only per-CPU variables, and those only if it was made by pahole 1.18 or later; few know. */
function hintOf(kind: 'var' | 'func'): string {
  return kind === 'var' ? ' with a type: of variables, its BTF has at most those of each CPU' : ''
}

function unresolved(reason: string): BpfError {
  return new BpfError(reason, { code: 'ERR_UNRESOLVED' })
}
