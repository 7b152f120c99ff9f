/**
 * All types of a BTF as one C header, such as `vmlinux.h`.
 *
 * Source: libbpf btf_dump.c (`btf_dump_order_type`, `btf_dump_resolve_name`), bpftool btf.c `dump_btf_c`.
 *
 * @module
 */

import type { Btf } from '../btf.ts'
import type { BtfType } from '../types.ts'
import { type CNames, CWriter } from './c-type.ts'

/** How deep types may refer to each other before one of them is complete. */
const MAX_DEPTH = 512

/** What a header may have per type: that of a kernel has some 25 characters. */
const CHARACTERS_PER_TYPE = 1 << 10
/** What the shortest may have. */
const CHARACTERS = 1 << 20

/** Limits of `btfToC`, for BTF that is not trusted. */
export interface BtfToCOptions {
  /** Characters of the header, about. Default: 1,048,576, and 1,024 for each type. */
  maxCharacters?: number
}

/** Typedefs that compilers have themselves. */
const BUILT_IN: readonly string[] = ['__builtin_va_list', '__gnuc_va_list']

/** Vectors that arm compilers have themselves, of which BTF only knows the size. */
const BUILT_IN_VECTORS = /^__(Poly\d+|S?Float\d+|Bfloat\d+|Int\d+|Uint\d+)(x\d+)?_t$/

/**
 * Writes all types as a C header that clang compiles for BPF: every type after those that it needs, names that
 * two types share made different by a `___2` behind the second, offsets and sizes as in the BTF. Accesses through
 * its structs are CO-RE relocatable, unless `BPF_NO_PRESERVE_ACCESS_INDEX` is defined.
 *
 * Variables, functions and sections are left out, for they are no types.
 *
 * @throws ObjectFileError when types are nested too deeply, or anonymous ones are used so often that it would be huge
 */
export function btfToC(btf: Btf, options: BtfToCOptions = {}): string {
  const lines: string[] = [
    '#ifndef __VMLINUX_H__',
    '#define __VMLINUX_H__',
    '',
    '#ifndef BPF_NO_PRESERVE_ACCESS_INDEX',
    '#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)',
    '#endif',
    '',
  ]
  const { maxCharacters = CHARACTERS + CHARACTERS_PER_TYPE * btf.typeCount } = options
  new CDump(btf, lines, maxCharacters).run()
  lines.push('', '#ifndef BPF_NO_PRESERVE_ACCESS_INDEX', '#pragma clang attribute pop', '#endif', '')
  lines.push('#endif /* __VMLINUX_H__ */', '')
  return lines.join('\n')
}

/** One run over all types. */
class CDump {
  readonly #btf: Btf
  readonly #lines: string[]
  readonly #writer: CWriter
  readonly #names: DumpNames
  /** Types that were completed, and named: each once, for what is anonymous could be met without end. */
  readonly #completed = new Set<number>()
  readonly #named = new Set<number>()

  constructor(btf: Btf, lines: string[], maxCharacters: number) {
    this.#btf = btf
    this.#lines = lines
    this.#names = new DumpNames(btf)
    this.#writer = new CWriter(btf, { maxCharacters }, this.#names)
  }

  run(): void {
    const ids = allIds(this.#btf)
    this.#writeDeclarations(ids)
    this.#writeEnums(ids)
    for (const id of ids) this.#complete(id, 0)
  }

  /** With every struct declared, a pointer to one needs nothing else. */
  #writeDeclarations(ids: readonly number[]): void {
    const declared = new Set<string>()
    for (const id of ids) {
      const type = this.#btf.type(id)
      const word = type.kind === 'fwd' ? type.of : type.kind
      if ((word !== 'struct' && word !== 'union') || type.name === '') continue
      const text = `${word} ${this.#names.typeName(id, type.name)};`
      if (!declared.has(text)) this.#lines.push(text)
      declared.add(text)
    }
    this.#lines.push('')
  }

  /** C does not declare enums; they need no other type. */
  #writeEnums(ids: readonly number[]): void {
    const inner = anonymousInside(this.#btf, ids)
    for (const id of ids) {
      const { kind, name } = this.#btf.type(id)
      if ((kind === 'enum' || kind === 'enum64') && (name !== '' || !inner.has(id))) this.#write(id)
    }
  }

  #write(id: number): void {
    this.#lines.push(this.#writer.definition(id), '')
  }

  /** Writes what must come before an object of the type can be declared. */
  #complete(id: number, depth: number): void {
    if (this.#isDone(this.#completed, id, depth)) return
    const type = this.#btf.type(id)
    switch (type.kind) {
      case 'struct':
      case 'union':
        for (const member of type.members) this.#complete(member.type, depth + 1)
        if (type.name !== '') this.#write(id)
        break
      case 'typedef':
        this.#name(id, depth)
        this.#complete(type.type, depth + 1)
        break
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
      case 'array':
        this.#complete(type.type, depth + 1)
        break
      case 'ptr':
      case 'func_proto':
        this.#name(id, depth)
        break
    }
  }

  /** Writes what must come before the type can be named, as behind a pointer. */
  #name(id: number, depth: number): void {
    if (this.#isDone(this.#named, id, depth)) return
    const type = this.#btf.type(id)
    switch (type.kind) {
      case 'typedef':
        this.#name(type.type, depth + 1)
        if (!isBuiltIn(this.#btf, type)) this.#write(id)
        break
      case 'struct':
      case 'union':
        // It is written out where it is used.
        if (type.name === '') this.#complete(id, depth + 1)
        break
      case 'array':
        // Elements must be complete, even behind a pointer.
        this.#complete(type.type, depth + 1)
        break
      case 'ptr':
      case 'const':
      case 'volatile':
      case 'restrict':
      case 'type_tag':
        this.#name(type.type, depth + 1)
        break
      case 'func_proto':
        this.#name(type.type, depth + 1)
        for (const param of type.params) this.#name(param.type, depth + 1)
        break
    }
  }

  /** Whether a type was seen to; it counts as such from now on. */
  #isDone(done: Set<number>, id: number, depth: number): boolean {
    if (depth > MAX_DEPTH) throw this.#btf.error(`BTF type ${id} is too deep for C`, id)
    if (done.has(id)) return true
    done.add(id)
    return false
  }
}

function isBuiltIn(btf: Btf, type: BtfType): boolean {
  if (type.kind !== 'typedef') return false
  if (BUILT_IN.includes(type.name)) return true
  return BUILT_IN_VECTORS.test(type.name) && btf.kind(type.type) === 'array'
}

/** Ids of all types, those of a base first. */
function allIds(btf: Btf): number[] {
  const ids: number[] = btf.base === undefined ? [] : allIds(btf.base)
  btf.forEachId(id => {
    ids.push(id)
  })
  return ids
}

/** Types that others refer to: those of them that have no name are written where they are used. */
function anonymousInside(btf: Btf, ids: readonly number[]): Set<number> {
  const inside = new Set<number>()
  for (const id of ids) {
    const type = btf.type(id)
    if ('members' in type) for (const member of type.members) inside.add(member.type)
    else if ('params' in type) for (const param of type.params) inside.add(param.type)
    if ('type' in type && type.kind !== 'decl_tag' && type.kind !== 'var') inside.add(type.type)
  }
  return inside
}

/** What cannot stand in a name of C, and is replaced. */
const NO_C_NAME = /[^A-Za-z0-9_$]|^(?=\d)/g
/** The same where `long unsigned int` is a name too. */
const NO_C_WORDS = /[^A-Za-z0-9_$ ]|^(?=\d)/g

/** Names that are unique among those that C compares them with. */
class DumpNames implements CNames {
  readonly #types = new Map<number, string>()
  readonly #enumerators = new Map<number, Map<string, string>>()

  constructor(btf: Btf) {
    const tags = new Namespace()
    const identifiers = new Namespace()
    const definitions = new Map<string, string>()
    const ids = allIds(btf)
    for (const id of ids) {
      const type = btf.type(id)
      switch (type.kind) {
        case 'struct':
        case 'union':
        case 'enum':
        case 'enum64':
          if (type.name !== '') {
            const name = tags.unique(type.name)
            this.#types.set(id, name)
            const key = `${type.kind} ${type.name}`
            if (!definitions.has(key)) definitions.set(key, name)
          }
          if ('values' in type) this.#addEnumerators(id, type.values, identifiers)
          break
        case 'typedef':
          this.#types.set(id, isBuiltIn(btf, type) ? type.name : identifiers.unique(type.name))
          break
      }
    }
    // A declaration is of the struct of this name, if there is one; never of another kind.
    for (const id of ids) {
      const type = btf.type(id)
      if (type.kind !== 'fwd') continue
      const defined = definitions.get(`${type.of} ${type.name}`)
      this.#types.set(id, defined ?? tags.shared(type.name, type.of))
    }
  }

  #addEnumerators(id: number, values: readonly { name: string }[], identifiers: Namespace): void {
    const own = new Map<string, string>()
    for (const { name } of values) own.set(name, identifiers.unique(name))
    this.#enumerators.set(id, own)
  }

  typeName(id: number, name: string): string {
    return this.#types.get(id) ?? name
  }

  enumerator(id: number, name: string): string {
    return this.#enumerators.get(id)?.get(name) ?? name
  }

  member(name: string): string {
    return name.replace(NO_C_NAME, '_')
  }

  basic(name: string): string {
    return name.replace(NO_C_WORDS, '_')
  }
}

/** Names of C that must differ. */
class Namespace {
  readonly #taken = new Set<string>()
  readonly #counts = new Map<string, number>()
  readonly #shared = new Map<string, string>()

  /** The name, or the first of `name___2`, `name___3` that is free. */
  unique(name: string): string {
    const clean = name.replace(NO_C_NAME, '_')
    let count = this.#counts.get(clean) ?? 1
    let candidate = clean
    while (this.#taken.has(candidate)) candidate = `${clean}___${++count}`
    this.#counts.set(clean, count)
    this.#taken.add(candidate)
    return candidate
  }

  /** A unique name, the same for everything of one kind and name. */
  shared(name: string, kind: string): string {
    const key = `${kind} ${name}`
    const known = this.#shared.get(key) ?? this.unique(name)
    this.#shared.set(key, known)
    return known
  }
}
