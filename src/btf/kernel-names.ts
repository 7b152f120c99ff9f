/**
 * Names of types as the kernel takes them. Compilers of other languages write names that it refuses, as `Pair<u32, u32>`
 * of Rust; nothing but the verifier's messages depends on them.
 *
 * Source: kernel/bpf/btf.c `btf_name_valid_identifier`, `btf_name_valid_section`, and the `check_meta` of each kind;
 * bpf-linker `sanitize_type_name`, which writes `_3C_` for `<` too; aya `Btf::fixup_and_sanitize`.
 *
 * @module
 */

import type { BtfParam, BtfType } from './types.ts'

/** Characters of a name that every kernel takes. Source: include/linux/kallsyms.h `KSYM_NAME_LEN`, before Linux 6.1. */
const MAX_LENGTH = 127

/** A letter, digit, `_` or `.` each, and no digit first: ASCII only. */
const IDENTIFIER = /^[A-Za-z_.][\w.]*$/
/** Bytes that are printed. */
const PRINTABLE = /^[\x20-\x7e]+$/

/**
 * A name the kernel takes, in place of one: other characters become their number in hexadecimal, between underscores.
 *
 * @param absent what takes the place of an empty name
 */
export function identifier(name: string, absent = ''): string {
  if (name === '') return absent
  if (name.length <= MAX_LENGTH && IDENTIFIER.test(name)) return name
  const valid = name.replace(/[^\w.]/gu, each => `_${each.codePointAt(0)!.toString(16).toUpperCase()}_`)
  return (/^\d/.test(valid) ? `_${valid}` : valid).slice(0, MAX_LENGTH)
}

/**
 * A type with names that the kernel takes; the same object when it has them already.
 *
 * @param ofFunction whether it is the prototype of a function, whose parameters must have names
 */
export function withKernelNames(type: BtfType, ofFunction = false): BtfType {
  switch (type.kind) {
    case 'struct':
    case 'union': {
      const name = identifier(type.name)
      const wrong = type.members.some(each => identifier(each.name) !== each.name)
      if (name === type.name && !wrong) return type
      return { ...type, name, members: type.members.map(each => ({ ...each, name: identifier(each.name) })) }
    }
    case 'enum':
    case 'enum64': {
      const name = identifier(type.name)
      const wrong = type.values.some(each => identifier(each.name, ABSENT) !== each.name)
      if (name === type.name && !wrong) return type
      return {
        ...type,
        name,
        values: type.values.map(each => ({ ...each, name: identifier(each.name, ABSENT) })),
      }
    }
    case 'func_proto': {
      // A last one without a type stands for any number of others.
      const nameOf = (each: BtfParam): string =>
        identifier(each.name, ofFunction && each.type !== 0 ? ABSENT : '')
      if (type.params.every(each => nameOf(each) === each.name)) return type
      return { ...type, params: type.params.map(each => ({ ...each, name: nameOf(each) })) }
    }
    case 'fwd':
    case 'typedef':
    case 'func':
    case 'var': {
      const name = identifier(type.name, ABSENT)
      return name === type.name ? type : { ...type, name }
    }
    case 'datasec':
      return PRINTABLE.test(type.name) ? type : { ...type, name: identifier(type.name, ABSENT) }
    case 'decl_tag':
    case 'type_tag':
      return type.name === '' ? { ...type, name: ABSENT } : type
    default:
      return type
  }
}

/** Where the kernel wants a name. */
const ABSENT = '_'
