/**
 * What maps, programs, links and BTF share: descriptors, ids, pins, lists and tokens.
 *
 * @module
 */

export type { TokenHandle, TokenOptions } from '../kernel/tokens/handle.ts'
export type { BtfObjectInfo } from '../kernel/types/raw-btf.ts'
export { BtfObject } from './btf-object.ts'
export { objectKind } from './descriptor.ts'
export type { ObjectKind } from './kinds.ts'
export type { OpenPinOptions, PinOptions } from './pin.ts'
export { type Delegated, Token, type TokenInfo } from './token.ts'
