/**
 * Numbers of the format, which reading and writing share.
 *
 * Source: include/uapi/linux/btf.h, Documentation/bpf/btf.rst.
 *
 * @module
 */

import { type BtfInt, type BtfKind, type BtfLinkage, btfKinds } from './types.ts'

/** First two bytes of `.BTF` and `.BTF.ext`. */
export const BTF_MAGIC = 0xeb9f
/** The only version there is. */
export const BTF_VERSION = 1
/** Bytes of the header, without what later formats may add. */
export const BTF_HEADER_SIZE = 24
/** Most members, values or parameters of a type: `vlen` has 16 bits. */
export const MAX_VLEN = 0xffff

/** `BTF_KIND_*` by name. */
export const btfKindNumbers: Readonly<Record<BtfKind, number>> = Object.fromEntries(
  btfKinds.map((kind, index) => [kind, index]),
) as Record<BtfKind, number>

/** How an integer is to be shown, by its `BTF_INT_*`. */
export const intEncodings: readonly (BtfInt['encoding'] | undefined)[] = [
  'unsigned',
  'signed',
  'char',
  undefined,
  'bool',
]

/** `enum btf_func_linkage`, which variables use too. */
export const linkages: readonly BtfLinkage[] = ['static', 'global', 'extern']
