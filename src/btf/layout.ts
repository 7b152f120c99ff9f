/**
 * How many words a type has. Of the kinds that are known a table says it; of others the BTF itself, in its layout
 * section: so they can be skipped.
 *
 * Source: include/uapi/linux/btf.h `struct btf_layout`; kernel/bpf/btf.c `btf_parse_layout_sec`; libbpf btf.c
 * `btf_type_size_unknown`. Since Linux 7.1.
 *
 * @module
 */

import type { ByteReader } from '../base/bytes.ts'
import { BTF_LAYOUT_HEADER_SIZE, BTF_LAYOUT_SIZE, btfKindNumbers, KIND_MASK, KINDS_OF } from './format.ts'
import { btfKinds, type KnownBtfKind } from './types.ts'

/** Words of the header that all types have. */
const HEADER_WORDS = 3

/**
 * How many 32-bit words a type has, by the highest byte of its `info`, which has the kind: those for each of `vlen` in the
 * lowest 8 bits, the others above. 0 when the kind is not known.
 */
export type TypeSizes = Int32Array

/** Sizes that a layout section gives. */
export interface KindLayout {
  readonly kind: number
  /** Words behind the header of a type. */
  readonly info: number
  /** Words for each of `vlen`. */
  readonly each: number
}

/** A layout section. */
export interface Layout {
  readonly bytes: Uint8Array
  /** Those of kinds that can be in a section of words. */
  readonly kinds: readonly KindLayout[]
}

/** Sizes of the kinds that are known. */
export const knownSizes: TypeSizes = sizesOfKnown()

function sizesOfKnown(): TypeSizes {
  const sizes = new Int32Array(256)
  const infos: Partial<Record<KnownBtfKind, number>> = { int: 1, var: 1, decl_tag: 1, array: 3 }
  const members: Partial<Record<KnownBtfKind, number>> = {
    struct: 3,
    union: 3,
    datasec: 3,
    enum64: 3,
    enum: 2,
    func_proto: 2,
  }
  for (const kind of btfKinds) {
    if (kind === 'void') continue
    set(sizes, { kind: btfKindNumbers[kind], info: infos[kind] ?? 0, each: members[kind] ?? 0 })
  }
  return sizes
}

/** With either value of `kind_flag`, which the byte has too. */
function set(sizes: TypeSizes, { kind, info, each }: KindLayout): void {
  const size = ((HEADER_WORDS + info) << 8) | each
  sizes[kind] = size
  sizes[kind | (KIND_MASK + 1)] = size
}

/** The same sizes, and those of kinds that are not among them. */
export function withLayout(known: TypeSizes, kinds: readonly KindLayout[]): TypeSizes {
  const unknown = kinds.filter(({ kind }) => known[kind] === 0)
  if (unknown.length === 0) return known
  const sizes = known.slice()
  for (const kind of unknown) set(sizes, kind)
  return sizes
}

/**
 * The layout section of a BTF; `undefined` when its header names none.
 *
 * @param header the whole BTF
 * @param headerLength bytes of its header
 * @throws ObjectFileError when it is outside of the bytes, or is cut off
 */
export function layoutSection(header: ByteReader, headerLength: number): Layout | undefined {
  if (headerLength < BTF_LAYOUT_HEADER_SIZE) return undefined
  const length = header.u32(BTF_LAYOUT_HEADER_SIZE - 4)
  if (length === 0) return undefined
  const start = headerLength + header.u32(BTF_LAYOUT_HEADER_SIZE - 8)
  if (length % BTF_LAYOUT_SIZE !== 0)
    throw header.error(`BTF layout section of ${length} bytes is cut off`, start)
  const bytes = header.slice(start, length, 'BTF layout section')
  const kinds: KindLayout[] = []
  for (let kind = 1; kind <= KIND_MASK && kind * BTF_LAYOUT_SIZE < length; kind++) {
    const [info, each] = [bytes[kind * BTF_LAYOUT_SIZE]!, bytes[kind * BTF_LAYOUT_SIZE + 1]!]
    // Types consist of words; a kind that does not stays unknown.
    if (info % 4 === 0 && each % 4 === 0) kinds.push({ kind, info: info / 4, each: each / 4 })
  }
  return { bytes, kinds }
}

/** Why a type of an unknown kind ends the walk. */
export function unknownKind(kind: number, hasLayout: boolean): string {
  if (kind === 0) return 'only type 0 is of kind 0'
  const by = `Linux ${KINDS_OF} has kinds 1 to ${btfKinds.length - 1}, so a later release or its tools made it`
  return `${by}, and ${hasLayout ? 'its layout section does not give the size of this kind' : 'it has no layout section, which would say how to skip it'}`
}
