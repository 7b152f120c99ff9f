/**
 * The only room that reaches the kernel: raw system calls, `bpf(2)`, owned descriptors, memory at fixed
 * addresses, shared mappings, readiness of descriptors. Importing it loads nothing native and works on every
 * operating system; the first call that needs the kernel does.
 *
 * @module
 */

export { errnoName } from '../base/errno.ts'
export type { AttrFields, AttrValue, FieldsOf } from './attr.ts'
export type { FdWatcher, PreparedCall, SyscallEntry } from './backends/syscall-entry.ts'
export { attrResult32, attrResult64, bpf, bpfAsync, bpfUninterrupted, bpfUninterruptedAsync } from './bpf.ts'
export { debugLog } from './debug.ts'
export {
  type BatchCommand,
  batchCount,
  mapBatch,
  mapDeleteElem,
  mapGetNextKey,
  mapLookupAndDeleteElem,
  mapLookupElem,
  mapUpdateElem,
} from './elem.ts'
export { syscallEntry } from './entry.ts'
export { errnoText, systemError } from './errno.ts'
export { OwnedFd } from './fd.ts'
export { getInfo, type NextIdCommand, nextId } from './info.ts'
export { MappedRange } from './mapped-range.ts'
export { allocate, type NativeMemory, scratch } from './memory.ts'
export { type MappingRegion, pageSize, SharedMapping } from './mmap.ts'
export { nr, type SyscallName } from './numbers.ts'
export { ioctl, perfEventOpen } from './perf.ts'
