/**
 * Types as C: declarations and definitions.
 *
 * Source: libbpf btf_dump.c `btf_dump_emit_type_decl`, `btf_dump_emit_struct_def`, `btf_dump_emit_enum_def`.
 *
 * @module
 */

import type { ObjectFileError } from '../../base/errors.ts'
import type { Btf } from '../btf.ts'
import type { BtfEnum, BtfFuncProto, BtfKind, BtfStruct, BtfType } from '../types.ts'
import { CLayout, padding } from './c-layout.ts'

/** How deep types may be nested in one declaration. */
const MAX_DEPTH = 64
/** What anonymous structs are limited to, which are written out where they are used and could multiply without end. */
const MAX_CHARACTERS = 1 << 21

/** Limits of writing C, for BTF that is not trusted. */
export interface CTextOptions {
  /** Characters that are written at most, about. Default: 2,097,152. */
  maxCharacters?: number
}

/** How a writer calls what it writes. */
export interface CNames {
  /** Name of a struct, union, enum or typedef. */
  typeName(id: number, name: string): string
  /** Name of an enumerator of an enum. */
  enumerator(id: number, name: string): string
  /** Name of a member or a parameter. */
  member(name: string): string
  /** Name of an integer or a floating point number. */
  basic(name: string): string
}

const ownNames: CNames = {
  typeName: (_, name) => name,
  enumerator: (_, name) => name,
  member: name => name,
  basic: name => name,
}

/**
 * Declares something of a type in C: `'int (*handler)(struct sock *, __u32)'`. Named structs, unions and enums
 * are written by name, those without one in full. Tags are left out.
 *
 * @param name of what is declared; `''` gives the bare type: `'char[16]'`
 * @throws ObjectFileError when the type is nested so deeply that it must be a loop
 */
export function cDeclaration(btf: Btf, id: number, name = '', options: CTextOptions = {}): string {
  return new CWriter(btf, options).declaration(id, name)
}

/**
 * Defines a struct, union, enum or typedef in C, with a semicolon at the end; members keep their offsets, by padding
 * and `packed` where the compiler would choose others. Everything else is declared.
 *
 * @throws ObjectFileError as {@link cDeclaration}
 */
export function cDefinition(btf: Btf, id: number, options: CTextOptions = {}): string {
  return new CWriter(btf, options).definition(id)
}

/** Writes types of one BTF as C. */
export class CWriter {
  readonly #btf: Btf
  readonly #names: CNames
  readonly #layout: CLayout
  /** Characters that may still be written, in all calls together. */
  #left: number

  constructor(btf: Btf, { maxCharacters = MAX_CHARACTERS }: CTextOptions = {}, names: CNames = ownNames) {
    this.#btf = btf
    this.#names = names
    this.#layout = new CLayout(btf)
    this.#left = maxCharacters
  }

  /** As {@link cDeclaration}. */
  declaration(id: number, name: string): string {
    return this.#declare(id, name, '', 0)
  }

  /** As {@link cDefinition}. */
  definition(id: number): string {
    const type = this.#btf.type(id)
    switch (type.kind) {
      case 'struct':
      case 'union':
        return `${this.#struct(id, type, '', 0)};`
      case 'enum':
      case 'enum64':
        return `${this.#enum(id, type, '')};`
      case 'typedef':
        return `typedef ${this.#declare(type.type, this.#names.typeName(id, type.name), '', 0)};`
      case 'fwd':
        return `${type.of} ${this.#names.typeName(id, type.name)};`
      default:
        return `${this.#declare(id, '', '', 0)};`
    }
  }

  /**
   * Writes a type around a declarator, from the inside out: what is pointed to comes around the pointer.
   *
   * @param indent of the line, for members of anonymous structs
   */
  #declare(id: number, declarator: string, indent: string, depth: number): string {
    let qualifiers = ''
    for (; ; depth++) {
      if (depth > MAX_DEPTH) throw tooComplex(this.#btf, id)
      this.#spend(id, 1)
      const type = this.#btf.type(id)
      switch (type.kind) {
        case 'const':
        case 'volatile':
        case 'restrict':
          // Of an array and of its elements it may be said twice.
          if (!qualifiers.includes(type.kind)) qualifiers += `${type.kind} `
          id = type.type
          continue
        case 'type_tag':
          id = type.type
          continue
        case 'ptr': {
          const below = this.#btf.kind(skipModifiers(this.#btf, type.type))
          const pointer = `*${qualifiers}${declarator}`.trimEnd()
          declarator = below === 'array' || below === 'func_proto' ? `(${pointer})` : pointer
          qualifiers = ''
          id = type.type
          continue
        }
        case 'array':
          declarator = `${declarator}[${type.count}]`
          id = type.type
          continue
        case 'func_proto':
          declarator = `${declarator}(${this.#parameters(type, indent, depth)})`
          // Qualifiers of a function mean nothing.
          qualifiers = ''
          id = type.type
          continue
        default: {
          const base = `${qualifiers}${this.#base(id, type, indent, depth)}`
          this.#spend(id, base.length)
          const direct = declarator === '' || declarator.startsWith('[')
          return `${base}${direct ? '' : ' '}${declarator}`
        }
      }
    }
  }

  /** Counts what was written; text that becomes part of a longer one counts again, as it costs again. */
  #spend(id: number, characters: number): void {
    this.#left -= characters
    if (this.#left < 0) throw tooComplex(this.#btf, id)
  }

  #parameters({ params }: BtfFuncProto, indent: string, depth: number): string {
    if (params.length === 0) return 'void'
    return params
      .map(({ type, name }, index) =>
        type === 0 && index === params.length - 1
          ? '...'
          : this.#declare(type, this.#names.member(name), indent, depth + 1),
      )
      .join(', ')
  }

  /** What stands before a declarator. */
  #base(id: number, type: BtfType, indent: string, depth: number): string {
    switch (type.kind) {
      case 'void':
        return 'void'
      case 'struct':
      case 'union':
        if (type.name === '') return this.#struct(id, type, indent, depth)
        return `${type.kind} ${this.#names.typeName(id, type.name)}`
      case 'enum':
      case 'enum64':
        if (type.name === '') return this.#enum(id, type, indent)
        return `enum ${this.#names.typeName(id, type.name)}`
      case 'fwd':
        return `${type.of} ${this.#names.typeName(id, type.name)}`
      case 'typedef':
        return this.#names.typeName(id, type.name)
      case 'unknown':
        // Of no size: padding takes the place of a member.
        return 'struct {}'
      default:
        return this.#names.basic(type.name)
    }
  }

  #struct(id: number, type: BtfStruct, indent: string, depth: number): string {
    const name = type.name === '' ? '' : ` ${this.#names.typeName(id, type.name)}`
    const inner = `${indent}\t`
    const packed = this.#layout.isPacked(type)
    const lines: string[] = []
    let end = 0
    let afterBitfield = false
    const pad = (to: number, align: number, inBitfield: boolean): void => {
      if (type.kind === 'union') return
      for (const each of padding({ from: end, to, align, inBitfield })) lines.push(`${inner}${each};`)
    }
    for (const member of type.members) {
      const isBitfield = member.bitSize > 0
      const align = packed ? 1 : this.#layout.alignOf(member.type)
      pad(member.bitOffset, align, afterBitfield && isBitfield)
      const memberName = this.#names.member(member.name)
      this.#spend(id, memberName.length)
      const declared = this.#declare(member.type, memberName, inner, depth + 1)
      lines.push(`${inner}${declared}${isBitfield ? `: ${member.bitSize}` : ''};`)
      end = member.bitOffset + (isBitfield ? member.bitSize : this.#sizeOf(member.type) * 8)
      afterBitfield = isBitfield
    }
    pad(type.size * 8, packed ? 1 : this.#layout.alignOf(id), false)
    const body = lines.length === 0 ? '{}' : `{\n${lines.join('\n')}\n${indent}}`
    return `${type.kind}${name} ${body}${packed ? ' __attribute__((packed))' : ''}`
  }

  /** Bytes of a member; 0 for one of a type without a size: of an unknown kind, a loop or a mistake. */
  #sizeOf(id: number): number {
    let element = this.#btf.resolved(id)
    for (let depth = 0; element.kind === 'array' && depth < MAX_DEPTH; depth++)
      element = this.#btf.resolved(element.type)
    return SIZELESS.includes(element.kind) ? 0 : this.#btf.sizeOf(id)
  }

  #enum(id: number, type: BtfEnum, indent: string): string {
    const name = type.name === '' ? '' : ` ${this.#names.typeName(id, type.name)}`
    const mode = ENUM_MODES[type.size]
    const attribute = mode === undefined ? '' : ` __attribute__((mode(${mode})))`
    // Without values it is a declaration.
    if (type.values.length === 0) return `enum${name === '' ? ' {}' : name}`
    const lines = type.values.map(each => {
      this.#spend(id, each.name.length + 1)
      const number = type.kind === 'enum64' ? wideNumber(each.value) : String(each.value)
      return `${indent}\t${this.#names.enumerator(id, each.name)} = ${number},\n`
    })
    return `enum${name} {\n${lines.join('')}${indent}}${attribute}`
  }
}

/** Kinds of types that have no size, or of which it is not known. */
const SIZELESS: readonly BtfKind[] = ['void', 'fwd', 'func_proto', 'unknown']

/** Compilers give an enum 4 bytes, or more when its values need them. */
const ENUM_MODES: Readonly<Record<number, string>> = { 1: 'byte', 2: 'HI', 8: 'DI' }

/** No literal of C is the least 64-bit number. */
function wideNumber(value: number | bigint): string {
  if (BigInt(value) === -(1n << 63n)) return '(-9223372036854775807LL - 1)'
  return value < 0 ? `${value}LL` : `${value}ULL`
}

/** Id below `const`, `volatile`, `restrict` and tags; typedefs stay. */
function skipModifiers(btf: Btf, id: number): number {
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const type = btf.type(id)
    if (
      type.kind !== 'const' &&
      type.kind !== 'volatile' &&
      type.kind !== 'restrict' &&
      type.kind !== 'type_tag'
    )
      return id
    id = type.type
  }
  throw tooComplex(btf, id)
}

function tooComplex(btf: Btf, id: number): ObjectFileError {
  return btf.error(`BTF type ${id} is too complex for C, or contains itself`, id)
}
