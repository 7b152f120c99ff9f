/**
 * Raw `bpf(2)`, for commands that the other rooms do not cover, and what it needs: memory at a fixed address, owned
 * descriptors, names of errno values. Importing it loads nothing native; the first call does.
 *
 * @module
 */

export { type ErrnoCode, type ErrnoName, errnoName } from '../base/errno.ts'
export type { AttrFields, AttrValue, FieldsOf } from './attr.ts'
export { attrResult32, attrResult64, bpf, bpfAsync } from './bpf.ts'
export { syscallBackend } from './entry.ts'
export { errnoText } from './errno.ts'
export { OwnedFd } from './fd.ts'
export { allocate, type NativeMemory } from './memory.ts'
