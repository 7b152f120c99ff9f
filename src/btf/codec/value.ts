/**
 * What codecs of BTF types read and write.
 *
 * @module
 */

/** A value of a BTF type. */
export type BtfValue = number | bigint | boolean | string | Uint8Array | BtfValue[] | BtfObject

/** The value of a struct, union or data section, by the names of its members. */
export type BtfObject = { [member: string]: BtfValue }
