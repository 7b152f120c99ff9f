/**
 * What maps, programs, links and BTF share: descriptors, ids, pins and lists.
 *
 * @module
 */

export { BtfObject } from './btf-object.ts'
export { objectKind } from './descriptor.ts'
export type { ObjectKind } from './kinds.ts'
export type { OpenPinOptions, PinOptions } from './pin.ts'
