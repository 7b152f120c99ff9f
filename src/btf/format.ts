/**
 * Numbers of the format, which reading and writing share.
 *
 * Source: include/uapi/linux/btf.h, Documentation/bpf/btf.rst.
 *
 * @module
 */

import { type BtfInt, type BtfLinkage, btfKinds, type KnownBtfKind } from './types.ts'

/** First two bytes of `.BTF` and `.BTF.ext`. */
export const BTF_MAGIC = 0xeb9f
/** The only version there is. */
export const BTF_VERSION = 1
/** Bytes of the header, without what later formats may add. */
export const BTF_HEADER_SIZE = 24
/** Bytes of the header that says where the layout section is. Since Linux 7.1. */
export const BTF_LAYOUT_HEADER_SIZE = 32
/** Bytes of `struct btf_layout`: of `info_sz`, `elem_sz` and `flags`, for one kind. */
export const BTF_LAYOUT_SIZE = 4
/** Bits of `info` that count members, values or parameters: 24, of which kernels before 7.2 take the lower 16. */
export const MAX_VLEN = 0xff_ffff
/** Bits of the highest byte of `info` that are the kind: 7, of which kernels before 7.2 take the lower 5. */
export const KIND_MASK = 0x7f
/** The newest release whose kinds are known: what is unknown is of a later one. */
export const KINDS_OF = '7.2'

/** `BTF_KIND_*` by name. */
export const btfKindNumbers: Readonly<Record<KnownBtfKind, number>> = Object.fromEntries(
  btfKinds.map((kind, index) => [kind, index]),
) as Record<KnownBtfKind, number>

/** `BTF_INT_*` by how an integer is to be shown; kernels take one at a time. */
export const intEncodings: Readonly<Record<BtfInt['encoding'], number>> = {
  unsigned: 0,
  signed: 1,
  char: 2,
  bool: 4,
}

/** `enum btf_func_linkage`, which variables use too. */
export const linkages: readonly BtfLinkage[] = ['static', 'global', 'extern']
