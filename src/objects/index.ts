/**
 * What maps, programs, links and BTF share: descriptors, ids, pins and lists.
 *
 * @module
 */

export { BtfObject } from './btf-object.ts'
export { type ObjectKind, objectKind } from './object-kind.ts'
export type { OpenPinOptions, PinnedKind, PinOptions } from './pin.ts'
