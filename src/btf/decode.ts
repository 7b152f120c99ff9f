/**
 * Words of the type section to types.
 *
 * Source: include/uapi/linux/btf.h; kernel/bpf/btf.c.
 *
 * @module
 */

import { intEncodings, KIND_MASK, linkages, MAX_VLEN } from './format.ts'
import {
  type BtfEnum,
  type BtfEnumerator,
  type BtfInt,
  type BtfLinkage,
  type BtfMember,
  type BtfParam,
  type BtfSectionVariable,
  type BtfType,
  btfKinds,
} from './types.ts'

/**
 * Decodes a type that lies in the words as a whole.
 *
 * @param words type section
 * @param at its first word
 * @param string reads the string at an offset
 * @param fail makes an error about a word
 */
export function decodeType(
  words: Uint32Array,
  at: number,
  string: (offset: number) => string,
  fail: (reason: string, word: number) => Error,
): BtfType {
  const name = string(words[at]!)
  const info = words[at + 1]!
  const number = (info >>> 24) & KIND_MASK
  const kind = btfKinds[number] ?? 'unknown'
  const vlen = info & MAX_VLEN
  const flag = info >>> 31 === 1
  const sizeOrType = words[at + 2]!
  const rest = at + 3
  switch (kind) {
    case 'int': {
      const data = words[rest]!
      const encoding = encodingOf(data >>> 24)
      return { kind, name, size: sizeOrType, encoding, bitOffset: (data >>> 16) & 0xff, bits: data & 0xff }
    }
    case 'ptr':
    case 'volatile':
    case 'const':
    case 'restrict':
      return { kind, name: '', type: sizeOrType }
    case 'array':
      return { kind, name: '', type: words[rest]!, indexType: words[rest + 1]!, count: words[rest + 2]! }
    case 'struct':
    case 'union': {
      const members: BtfMember[] = new Array(vlen)
      for (let i = 0, word = rest; i < vlen; i++, word += 3) {
        const offset = words[word + 2]!
        members[i] = {
          name: string(words[word]!),
          type: words[word + 1]!,
          bitOffset: flag ? offset & 0xffffff : offset,
          bitSize: flag ? offset >>> 24 : 0,
        }
      }
      return { kind, name, size: sizeOrType, members }
    }
    case 'enum':
    case 'enum64':
      return { kind, name, size: sizeOrType, signed: flag, values: enumerators(kind, flag) }
    case 'fwd':
      return { kind, name, of: flag ? 'union' : 'struct' }
    case 'typedef':
      return { kind, name, type: sizeOrType }
    case 'type_tag':
      return { kind, name, type: sizeOrType, attribute: flag }
    case 'func':
      return { kind, name, type: sizeOrType, linkage: linkageOf(vlen) }
    case 'func_proto': {
      const params: BtfParam[] = new Array(vlen)
      for (let i = 0, word = rest; i < vlen; i++, word += 2) {
        params[i] = { name: string(words[word]!), type: words[word + 1]! }
      }
      return { kind, name: '', type: sizeOrType, params }
    }
    case 'var':
      return { kind, name, type: sizeOrType, linkage: linkageOf(words[rest]!) }
    case 'datasec': {
      const variables: BtfSectionVariable[] = new Array(vlen)
      for (let i = 0, word = rest; i < vlen; i++, word += 3) {
        variables[i] = { type: words[word]!, offset: words[word + 1]!, size: words[word + 2]! }
      }
      return { kind, name, size: sizeOrType, variables }
    }
    case 'float':
      return { kind, name, size: sizeOrType }
    case 'decl_tag':
      return { kind, name, type: sizeOrType, component: words[rest]! | 0, attribute: flag }
    case 'unknown':
      return { kind, name, number }
    case 'void':
      throw fail('A type has kind 0', at)
  }

  function enumerators(of: BtfEnum['kind'], signed: boolean): BtfEnumerator[] {
    const values: BtfEnumerator[] = new Array(vlen)
    const step = of === 'enum' ? 2 : 3
    for (let i = 0, word = rest; i < vlen; i++, word += step) {
      const low = words[word + 1]!
      let value: number | bigint = signed ? low | 0 : low
      if (of === 'enum64') {
        const whole = (BigInt(words[word + 2]!) << 32n) | BigInt(low)
        value = signed ? BigInt.asIntN(64, whole) : whole
      }
      values[i] = { name: string(words[word]!), value }
    }
    return values
  }
}

/** gcc says of `signed char` that it is both signed and a character; of other bits nothing is known. */
function encodingOf(bits: number): BtfInt['encoding'] {
  if ((bits & intEncodings.bool) !== 0) return 'bool'
  if ((bits & intEncodings.signed) !== 0) return 'signed'
  return (bits & intEncodings.char) !== 0 ? 'char' : 'unsigned'
}

/** What compilers do not write is taken for `extern`. */
function linkageOf(value: number): BtfLinkage {
  return linkages[value] ?? 'extern'
}
