/**
 * Description of what an object leaves to the kernel, or to its user, to define. Pure.
 *
 * Source: libbpf `struct extern_desc`.
 *
 * @module
 */

/** What every extern has. */
export interface ExternBase {
  /** Name in the object. */
  readonly name: string
  /** Name in the kernel: without flavour, `bpf_foo` for `bpf_foo___v2`. Only kfuncs are searched for by it. */
  readonly essentialName: string
  /** Whether the object does without it: its value, or address, is 0 then. */
  readonly weak: boolean
}

/** What a `.kconfig` variable can hold; `'tristate'` is `enum libbpf_tristate`. */
export type KconfigType = 'tristate' | 'bool' | 'char' | 'int' | 'string'

/** A variable with the value of a configuration option, `CONFIG_*`, or of a fact, `LINUX_*`. */
export interface KconfigExtern extends ExternBase {
  readonly kind: 'kconfig'
  /** BTF type of the value, in the object's BTF. */
  readonly typeId: number
  /** What its values are. */
  readonly type: KconfigType
  /** Whether an integer or `char` is signed. */
  readonly signed: boolean
  /** Bytes from the start of the `.kconfig` map's value. */
  readonly offset: number
  /** Bytes: of an integer 1, 2, 4 or 8; of a string those of its array. */
  readonly size: number
}

/** A variable of the kernel or of a module. */
export interface KsymExtern extends ExternBase {
  readonly kind: 'ksym'
  /** BTF type, typedefs and modifiers removed, in the object's BTF; 0 (`void`) when only the address is asked for. */
  readonly typeId: number
}

/** A function of the kernel or of a module that programs may call. */
export interface KfuncExtern extends ExternBase {
  readonly kind: 'kfunc'
  /** BTF `func_proto` that the object expects, in the object's BTF. */
  readonly typeId: number
}

/**
 * A symbol that neither the object nor the kernel defines. Programs that use it are not loaded, unless the caller defines
 * it: as a function of the collection's spec, or by `CollectionOptions.externs`.
 */
export interface UndefinedExtern extends ExternBase {
  readonly kind: 'undefined'
  /** 0: nothing is known of its type. */
  readonly typeId: 0
  /** Why, as in "Cannot load program x: ...". */
  readonly reason: string
}

/** Something that the object uses and does not define. */
export type ExternSpec = KconfigExtern | KsymExtern | KfuncExtern | UndefinedExtern

/** Whether an extern is an option of the configuration. */
export function isKconfig(extern: ExternSpec): extern is KconfigExtern {
  return extern.kind === 'kconfig'
}
