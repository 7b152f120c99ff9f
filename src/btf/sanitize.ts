/**
 * BTF for a kernel that refused it: what it does not know is replaced by something known of the same size, under the
 * same id, and what no kernel takes is mended.
 *
 * Source: libbpf `bpf_object__sanitize_btf`; aya `Btf::fixup_and_sanitize`.
 *
 * @module
 */

import type { Btf } from './btf.ts'
import { BtfBuilder } from './builder.ts'
import { intEncodings } from './format.ts'
import { withKernelNames } from './kernel-names.ts'
import type { BtfKind, BtfType } from './types.ts'

/** Which kinds the kernel knows. */
export interface BtfSupport {
  /** Data sections and variables (5.2). */
  datasec: boolean
  /** `?` at the start of the names of data sections (6.9). */
  questionMark: boolean
  /** Functions (5.0). */
  func: boolean
  /** Functions that are not static (5.6). */
  globalFunc: boolean
  /** Floating point numbers (5.13). */
  float: boolean
  /** Tags on declarations (5.16). */
  declTag: boolean
  /** Tags on types (5.17). */
  typeTag: boolean
  /** 64-bit enums, and signed ones (6.0). */
  enum64: boolean
}

/** Greatest offset of a variable: as a member of a struct it is counted in bits. */
const MAX_OFFSET = 2 ** 29 - 1

/**
 * The types of a BTF, ready to be written for a kernel. Further strings may be added.
 *
 * @throws ObjectFileError when a section has variables where no kernel looks
 */
export function sanitizeBtf(btf: Btf, support: BtfSupport): BtfBuilder {
  const builder = BtfBuilder.from(btf)
  builder.dropLayout()
  // The types of the members that stand for 64-bit enumerators; made when the first is met.
  let placeholder: number | undefined
  const prototypes = new Set<number>()
  btf.forEachId(id => {
    const type = btf.kind(id) === 'func' ? btf.type(id) : undefined
    if (type?.kind === 'func') prototypes.add(type.type)
  })
  btf.forEachId(id => {
    const type = btf.type(id)
    if (type.kind === 'datasec' && type.variables.some(each => each.offset > MAX_OFFSET))
      throw btf.error(`Section ${type.name} has a variable beyond ${MAX_OFFSET} bytes`, id)
    const replacement = replace(withKernelNames(type, prototypes.has(id)), support, () => {
      placeholder ??= builder.add({ ...BYTE, name: 'enum64_placeholder' })
      return placeholder
    })
    if (replacement !== type || hasMore(btf, id, type)) builder.replace(id, replacement)
  })
  return builder
}

/** Kinds that the kernel refuses with a name, which Rust gives to its pointers. */
const NAMELESS: readonly BtfKind[] = ['ptr', 'array', 'volatile', 'const', 'restrict', 'func_proto']

/** Whether the words of a type have bits that decoding drops: they must be written anew. */
function hasMore(btf: Btf, id: number, type: BtfType): boolean {
  if (type.kind === 'int') return btf.encoded(id)[3]! >>> 24 !== intEncodings[type.encoding]
  return NAMELESS.includes(type.kind) && btf.encoded(id)[0] !== 0
}

/** One byte: the greatest size that fits wherever the replaced type lies. */
const BYTE = { kind: 'int', name: '', size: 1, encoding: 'unsigned', bitOffset: 0, bits: 8 } as const

function replace(type: BtfType, support: BtfSupport, placeholder: () => number): BtfType {
  switch (type.kind) {
    case 'unknown':
      return { ...BYTE, name: 'unknown' }
    case 'var':
      return support.datasec ? type : { ...BYTE, name: type.name }
    case 'decl_tag':
      // Kernels before 6.15 refuse tags that stand for any attribute; no kernel looks at these.
      return support.declTag && !type.attribute ? type : { ...BYTE, name: 'decl_tag' }
    case 'datasec':
      if (support.datasec)
        return support.questionMark ? type : { ...type, name: type.name.replaceAll('?', '_') }
      return {
        kind: 'struct',
        // Neither dots nor question marks are allowed in the names of structs.
        name: type.name.replaceAll(/[.?]/g, '_'),
        size: type.size,
        members: type.variables.map(({ type: member, offset }) => ({
          name: '',
          type: member,
          bitOffset: offset * 8,
          bitSize: 0,
        })),
      }
    case 'func_proto':
      if (support.func) return type
      return { kind: 'enum', name: '', size: 4, signed: false, values: [] }
    case 'func':
      if (!support.func) return { kind: 'typedef', name: type.name, type: type.type }
      return support.globalFunc || type.linkage === 'static' ? type : { ...type, linkage: 'static' }
    case 'float':
      return support.float ? type : { kind: 'struct', name: '', size: type.size, members: [] }
    case 'type_tag':
      return support.typeTag && !type.attribute ? type : { kind: 'const', name: '', type: type.type }
    case 'enum':
      return support.enum64 || !type.signed ? type : { ...type, signed: false }
    case 'enum64': {
      if (support.enum64) return type
      const member = placeholder()
      const members = type.values.map(({ name }) => ({ name, type: member, bitOffset: 0, bitSize: 0 }))
      return { kind: 'union', name: type.name, size: type.size, members }
    }
    default:
      return type
  }
}
