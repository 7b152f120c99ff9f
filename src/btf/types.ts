/**
 * The kinds of BTF types, as plain values. Types refer to each other by id within their `Btf`; id 0 is `void`.
 *
 * Source: Documentation/bpf/btf.rst, include/uapi/linux/btf.h.
 *
 * @module
 */

/** The kinds in the order of `BTF_KIND_*`; index 0 is `void` (`BTF_KIND_UNKN`). */
export const btfKinds = [
  'void',
  'int',
  'ptr',
  'array',
  'struct',
  'union',
  'enum',
  'fwd',
  'typedef',
  'volatile',
  'const',
  'restrict',
  'func',
  'func_proto',
  'var',
  'datasec',
  'float',
  'decl_tag',
  'type_tag',
  'enum64',
] as const

/** Name of a BTF kind; `'unknown'` for one that a later kernel or compiler added. */
export type BtfKind = (typeof btfKinds)[number] | 'unknown'

/** Name of a BTF kind that is known: all that Linux 7.2 has. */
export type KnownBtfKind = Exclude<BtfKind, 'unknown'>

/** The type with id 0. */
export interface BtfVoid {
  readonly kind: 'void'
  readonly name: ''
}

/** An integer; `bool` and `char` are integers with an encoding. */
export interface BtfInt {
  readonly kind: 'int'
  readonly name: string
  /** Bytes: 1, 2, 4, 8 or 16. */
  readonly size: number
  /** `'unsigned'` when no encoding bit is set; kernels only know one at a time. */
  readonly encoding: 'unsigned' | 'signed' | 'char' | 'bool'
  /** Bit offset within the storage; other than 0 only in bitfields of old compilers. */
  readonly bitOffset: number
  /** Number of value bits; less than `size * 8` only in bitfields of old compilers. */
  readonly bits: number
}

/** A pointer, or a modifier that refers to one type without a name. */
export interface BtfPtr {
  readonly kind: 'ptr' | 'volatile' | 'const' | 'restrict'
  readonly name: ''
  /** Id of the type it applies to. */
  readonly type: number
}

/** An array of a fixed number of elements; 0 for a flexible array member. */
export interface BtfArray {
  readonly kind: 'array'
  readonly name: ''
  /** Id of the element type. */
  readonly type: number
  /** Id of the type that the compiler used for the index. */
  readonly indexType: number
  /** Number of elements. */
  readonly count: number
}

/** A member of a struct or union. */
export interface BtfMember {
  /** Empty for an anonymous struct or union. */
  readonly name: string
  /** Id of the member's type. */
  readonly type: number
  /** Offset from the start of the struct, in bits. */
  readonly bitOffset: number
  /** Width of a bitfield in bits; 0 for an ordinary member. */
  readonly bitSize: number
}

/** A struct or union. */
export interface BtfStruct {
  readonly kind: 'struct' | 'union'
  readonly name: string
  /** Bytes. */
  readonly size: number
  readonly members: readonly BtfMember[]
}

/** A named value of an enum. */
export interface BtfEnumerator {
  readonly name: string
  /** `number` in a 32-bit enum, `bigint` in an `enum64`. */
  readonly value: number | bigint
}

/** An enum; `enum64` (6.0) has 64-bit values. */
export interface BtfEnum {
  readonly kind: 'enum' | 'enum64'
  readonly name: string
  /** Bytes: 1, 2, 4 or 8. */
  readonly size: number
  readonly signed: boolean
  readonly values: readonly BtfEnumerator[]
}

/** A forward declaration of a struct or union. */
export interface BtfFwd {
  readonly kind: 'fwd'
  readonly name: string
  /** What is declared. */
  readonly of: 'struct' | 'union'
}

/** A typedef. */
export interface BtfTypedef {
  readonly kind: 'typedef'
  readonly name: string
  readonly type: number
}

/** A tag on a type (5.17). */
export interface BtfTypeTag {
  readonly kind: 'type_tag'
  /** Text of the tag. */
  readonly name: string
  readonly type: number
  /** Whether the tag stands for any attribute, not just `btf_type_tag` (6.15). */
  readonly attribute: boolean
}

/** Linkage of a function or variable. */
export type BtfLinkage = 'static' | 'global' | 'extern'

/** A function. */
export interface BtfFunc {
  readonly kind: 'func'
  readonly name: string
  /** Id of its `func_proto`. */
  readonly type: number
  readonly linkage: BtfLinkage
}

/** A parameter of a function prototype; a last one with type 0 and no name means `...`. */
export interface BtfParam {
  readonly name: string
  readonly type: number
}

/** A function prototype. */
export interface BtfFuncProto {
  readonly kind: 'func_proto'
  readonly name: ''
  /** Id of the return type; 0 for `void`. */
  readonly type: number
  readonly params: readonly BtfParam[]
}

/** A global variable. */
export interface BtfVar {
  readonly kind: 'var'
  readonly name: string
  readonly type: number
  readonly linkage: BtfLinkage
}

/** Where a variable lies in its section. */
export interface BtfSectionVariable {
  /** Id of the `var` (or, in `.ksyms`, of a `func`). */
  readonly type: number
  /** Bytes from the start of the section. */
  readonly offset: number
  /** Bytes. */
  readonly size: number
}

/** The variables of a data section. */
export interface BtfDatasec {
  readonly kind: 'datasec'
  readonly name: string
  /** Bytes; compilers leave 0 here, the loader fills it in. */
  readonly size: number
  readonly variables: readonly BtfSectionVariable[]
}

/** A floating point number (5.13). */
export interface BtfFloat {
  readonly kind: 'float'
  readonly name: string
  /** Bytes. */
  readonly size: number
}

/** A tag on a declaration (5.16). */
export interface BtfDeclTag {
  readonly kind: 'decl_tag'
  readonly name: string
  /** Id of the tagged type. */
  readonly type: number
  /** Index of the tagged member or parameter; -1 for the type itself. */
  readonly component: number
  /** Whether the tag stands for any attribute, not just `btf_decl_tag` (6.15). */
  readonly attribute: boolean
}

/**
 * A type of a kind that is not known: BTF with a layout section says how large it is, so that it can be skipped. What it
 * refers to cannot be known. Since Linux 7.1.
 */
export interface BtfUnknown {
  readonly kind: 'unknown'
  readonly name: string
  /** Its `BTF_KIND_*`, from 20 to 127. */
  readonly number: number
}

/** Any BTF type. */
export type BtfType =
  | BtfVoid
  | BtfInt
  | BtfPtr
  | BtfArray
  | BtfStruct
  | BtfEnum
  | BtfFwd
  | BtfTypedef
  | BtfTypeTag
  | BtfFunc
  | BtfFuncProto
  | BtfVar
  | BtfDatasec
  | BtfFloat
  | BtfDeclTag
  | BtfUnknown

/** The type of a given kind, such as `BtfTypeOf<'struct'>`. */
export type BtfTypeOf<K extends BtfKind, T = BtfType> = T extends { kind: infer Kinds }
  ? [K] extends [Kinds]
    ? T
    : never
  : never
