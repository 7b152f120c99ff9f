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

/** Name of a BTF kind. */
export type BtfKind = (typeof btfKinds)[number]

/** The type with id 0. */
export interface BtfVoid {
  kind: 'void'
  name: ''
}

/** An integer; `bool` and `char` are integers with an encoding. */
export interface BtfInt {
  kind: 'int'
  name: string
  /** Bytes: 1, 2, 4, 8 or 16. */
  size: number
  /** `'unsigned'` when no encoding bit is set; kernels only know one at a time. */
  encoding: 'unsigned' | 'signed' | 'char' | 'bool'
  /** Bit offset within the storage; other than 0 only in bitfields of old compilers. */
  bitOffset: number
  /** Number of value bits; less than `size * 8` only in bitfields of old compilers. */
  bits: number
}

/** A pointer, or a modifier that refers to one type without a name. */
export interface BtfPtr {
  kind: 'ptr' | 'volatile' | 'const' | 'restrict'
  name: ''
  /** Id of the type it applies to. */
  type: number
}

/** An array of a fixed number of elements; 0 for a flexible array member. */
export interface BtfArray {
  kind: 'array'
  name: ''
  /** Id of the element type. */
  type: number
  /** Id of the type that the compiler used for the index. */
  indexType: number
  /** Number of elements. */
  count: number
}

/** A member of a struct or union. */
export interface BtfMember {
  /** Empty for an anonymous struct or union. */
  name: string
  /** Id of the member's type. */
  type: number
  /** Offset from the start of the struct, in bits. */
  bitOffset: number
  /** Width of a bitfield in bits; 0 for an ordinary member. */
  bitSize: number
}

/** A struct or union. */
export interface BtfStruct {
  kind: 'struct' | 'union'
  name: string
  /** Bytes. */
  size: number
  members: BtfMember[]
}

/** A named value of an enum. */
export interface BtfEnumerator {
  name: string
  /** `number` in a 32-bit enum, `bigint` in an `enum64`. */
  value: number | bigint
}

/** An enum; `enum64` (6.0) has 64-bit values. */
export interface BtfEnum {
  kind: 'enum' | 'enum64'
  name: string
  /** Bytes: 1, 2, 4 or 8. */
  size: number
  signed: boolean
  values: BtfEnumerator[]
}

/** A forward declaration of a struct or union. */
export interface BtfFwd {
  kind: 'fwd'
  name: string
  /** What is declared. */
  of: 'struct' | 'union'
}

/** A typedef. */
export interface BtfTypedef {
  kind: 'typedef'
  name: string
  type: number
}

/** A tag on a type (5.17). */
export interface BtfTypeTag {
  kind: 'type_tag'
  /** Text of the tag. */
  name: string
  type: number
  /** Whether the tag stands for any attribute, not just `btf_type_tag` (6.15). */
  attribute: boolean
}

/** Linkage of a function or variable. */
export type BtfLinkage = 'static' | 'global' | 'extern'

/** A function. */
export interface BtfFunc {
  kind: 'func'
  name: string
  /** Id of its `func_proto`. */
  type: number
  linkage: BtfLinkage
}

/** A parameter of a function prototype; a last one with type 0 and no name means `...`. */
export interface BtfParam {
  name: string
  type: number
}

/** A function prototype. */
export interface BtfFuncProto {
  kind: 'func_proto'
  name: ''
  /** Id of the return type; 0 for `void`. */
  type: number
  params: BtfParam[]
}

/** A global variable. */
export interface BtfVar {
  kind: 'var'
  name: string
  type: number
  linkage: BtfLinkage
}

/** Where a variable lies in its section. */
export interface BtfSectionVariable {
  /** Id of the `var` (or, in `.ksyms`, of a `func`). */
  type: number
  /** Bytes from the start of the section. */
  offset: number
  /** Bytes. */
  size: number
}

/** The variables of a data section. */
export interface BtfDatasec {
  kind: 'datasec'
  name: string
  /** Bytes; compilers leave 0 here, the loader fills it in. */
  size: number
  variables: BtfSectionVariable[]
}

/** A floating point number (5.13). */
export interface BtfFloat {
  kind: 'float'
  name: string
  /** Bytes. */
  size: number
}

/** A tag on a declaration (5.16). */
export interface BtfDeclTag {
  kind: 'decl_tag'
  name: string
  /** Id of the tagged type. */
  type: number
  /** Index of the tagged member or parameter; -1 for the type itself. */
  component: number
  /** Whether the tag stands for any attribute, not just `btf_decl_tag` (6.15). */
  attribute: boolean
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

/** The type of a given kind, such as `BtfTypeOf<'struct'>`. */
export type BtfTypeOf<K extends BtfKind> = OfKind<BtfType, K>

type OfKind<T, K> = T extends { kind: infer Kinds } ? ([K] extends [Kinds] ? T : never) : never
