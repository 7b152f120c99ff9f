/**
 * The number that a CO-RE relocation asks for: an offset, a size, a type id, the value of an enumerator.
 *
 * Source: libbpf relo_core.c `bpf_core_calc_field_relo`, `bpf_core_calc_type_relo`, `bpf_core_calc_enumval_relo`.
 *
 * @module
 */

import type { Btf } from '../btf.ts'
import type { BtfType } from '../types.ts'
import { type CoreAccess, coreError, describeAccess, memberOf, subjectOf } from './access.ts'

/** What a relocation resolves to in the types of one BTF. */
export interface CoreValue {
  /** The number, as 64 bits. */
  value: bigint
  /** Whether the instruction must hold this number before it is patched. */
  exact: boolean
  /** For the offset of a field that a load or store accesses: its type and size. */
  field: { type: BtfType; size: number } | undefined
}

/**
 * Computes the value of an access.
 *
 * @param access `undefined` when the kernel has no such type, field or enumerator
 * @returns `undefined` when the value needs the access: the instruction must not be reached then
 */
export function coreValue(kind: CoreAccess['kind'], access: CoreAccess | undefined): CoreValue | undefined {
  switch (kind) {
    case 'field_exists':
    case 'enumval_exists':
      return plain(access === undefined ? 0 : 1)
    case 'type_exists':
    case 'type_matches':
      return plain(access === undefined ? 0 : 1)
    case 'type_size':
      return plain(access === undefined ? 0 : access.btf.sizeOf(access.rootId))
    case 'type_id_local':
    case 'type_id_target':
      // Linking renumbers types, so the number in the instruction means nothing.
      return { ...plain(access === undefined ? 0 : access.rootId), exact: access === undefined }
  }
  if (access === undefined) return undefined
  return subjectOf(kind) === 'enumerator' ? enumeratorValue(access) : fieldValue(access)
}

function plain(value: number): CoreValue {
  return { value: BigInt(value), exact: true, field: undefined }
}

function enumeratorValue({ btf, steps }: CoreAccess): CoreValue {
  const [step] = steps
  const type = btf.type(step!.typeId)
  if (type.kind !== 'enum' && type.kind !== 'enum64') throw coreError(`${type.name} is not an enum`)
  // The kernel's `enum` without a sign holds 32 bits, which libbpf extends as signed.
  const value = BigInt(type.values[step!.index]!.value)
  return {
    value: BigInt.asUintN(64, type.kind === 'enum' ? BigInt.asIntN(32, value) : value),
    exact: true,
    field: undefined,
  }
}

function fieldValue(access: CoreAccess): CoreValue {
  const { btf, kind, steps, bitOffset } = access
  const step = steps.at(-1)!
  if (step.name === undefined) {
    if (kind === 'field_byte_offset') {
      const field = { type: btf.type(step.typeId), size: elementSize(btf, step.typeId) }
      return { value: BigInt(Math.floor(bitOffset / 8)), exact: true, field }
    }
    if (kind === 'field_byte_size') return plain(btf.sizeOf(step.typeId))
    throw coreError(`${kind} of ${describeAccess(access)}, which is an array element`)
  }
  const { type: memberType, bitSize } = memberOf(btf, step)
  const typeId = btf.resolve(memberType)
  const { offset, size, bits } = storage(access, typeId, bitSize)
  // Compilers choose where to load a bitfield from, so only its sign and its right shift can be foretold.
  const exact = bitSize === 0
  switch (kind) {
    case 'field_byte_offset': {
      const field = exact ? { type: btf.type(typeId), size: elementSize(btf, typeId) } : undefined
      return { value: BigInt(offset), exact, field }
    }
    case 'field_byte_size':
      return { ...plain(size), exact }
    case 'field_signed':
      return plain(isSigned(btf.type(typeId)) ? 1 : 0)
    case 'field_lshift_u64': {
      const inStorage = bitOffset - offset * 8
      return {
        ...plain(btf.byteOrder === 'little' ? 64 - (inStorage + bits) : (8 - size) * 8 + inStorage),
        exact,
      }
    }
    default:
      return plain(64 - bits)
  }
}

/** The smallest naturally aligned integer that holds the whole bitfield; the field itself when it is not a bitfield. */
function storage(
  access: CoreAccess,
  typeId: number,
  bitSize: number,
): { offset: number; size: number; bits: number } {
  const { btf, bitOffset } = access
  let size = btf.sizeOf(typeId)
  if (bitSize === 0) return { offset: Math.floor(bitOffset / 8), size, bits: size * 8 }
  for (;;) {
    const offset = Math.floor(bitOffset / 8 / size) * size
    if (bitOffset + bitSize - offset * 8 <= size * 8) return { offset, size, bits: bitSize }
    if (size >= 8 || size === 0)
      throw coreError(`bitfield ${describeAccess(access)} does not fit a 64-bit load`)
    size *= 2
  }
}

function isSigned(type: BtfType): boolean {
  if (type.kind === 'enum' || type.kind === 'enum64') return type.signed
  return type.kind === 'int' && type.encoding === 'signed'
}

/** Size of a type; of an array the size of its innermost element, since loads access elements. */
function elementSize(btf: Btf, id: number): number {
  for (let depth = 0; depth < 32; depth++) {
    const type = btf.resolved(id)
    if (type.kind !== 'array') return btf.sizeOf(id)
    id = type.type
  }
  throw coreError('arrays are nested too deep')
}
