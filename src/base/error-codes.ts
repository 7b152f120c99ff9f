/**
 * Codes of errors. docs/errors.md lists them with their meaning and remedy; a test compares the two.
 *
 * @module
 */

import type { ErrnoCode } from './errno.ts'

/** Codes of the library's own. */
export type LibraryErrorCode =
  // A name or pattern fits several functions.
  | 'ERR_AMBIGUOUS'
  // The program was loaded for another attach type.
  | 'ERR_ATTACH_TYPE'
  // The way to make system calls (shim, koffi) is missing or unusable.
  | 'ERR_BACKEND'
  // The reader is in use by the caller's own callback.
  | 'ERR_BUSY'
  // The object is for machines of the other byte order.
  | 'ERR_BYTE_ORDER'
  // The handle is closed.
  | 'ERR_CLOSED'
  // A CO-RE relocation has no answer on this kernel.
  | 'ERR_CORE'
  // A document that the library reads, such as one of `bench probes` or folded stacks, is malformed.
  | 'ERR_INVALID_DOCUMENT'
  // A function pattern is empty.
  | 'ERR_INVALID_PATTERN'
  // A spec contradicts itself or the object that it is used on.
  | 'ERR_INVALID_SPEC'
  // Another process deleted elements faster than the iteration could follow.
  | 'ERR_ITERATION_ABORTED'
  // The kernel's configuration lacks an option, or its value does not fit.
  | 'ERR_KCONFIG'
  // A label is missing, defined twice or out of reach.
  | 'ERR_LABEL'
  // The existing map differs from its spec.
  | 'ERR_MAP_INCOMPATIBLE'
  // The descriptor is not a BTF object.
  | 'ERR_NOT_A_BTF_OBJECT'
  // The path is not a regular file.
  | 'ERR_NOT_A_FILE'
  // The descriptor is not a link.
  | 'ERR_NOT_A_LINK'
  // The descriptor is not a map.
  | 'ERR_NOT_A_MAP'
  // The descriptor is not a program.
  | 'ERR_NOT_A_PROGRAM'
  // The descriptor is not a BPF token.
  | 'ERR_NOT_A_TOKEN'
  // The path is not on a BPF file system.
  | 'ERR_NOT_BPFFS'
  // The library cannot attach this kind of program.
  | 'ERR_NOT_IMPLEMENTED'
  // This handle does not know the memory of the arena.
  | 'ERR_NOT_MAPPED'
  // The kernel, the CPU or the operating system lacks a feature.
  | 'ERR_NOT_SUPPORTED'
  // Types are needed and the object has no BTF.
  | 'ERR_NO_BTF'
  // No such map, program or variable.
  | 'ERR_NO_SUCH_NAME'
  // The attach target is not given.
  | 'ERR_NO_TARGET'
  // An object file (ELF, BTF) is malformed.
  | 'ERR_OBJECT_FILE'
  // Another kind of object is pinned at the path.
  | 'ERR_PIN_KIND'
  // The hook takes programs of another type.
  | 'ERR_PROGRAM_TYPE'
  // The variable, or its map, is read-only.
  | 'ERR_READ_ONLY'
  // A record is shorter than its type.
  | 'ERR_RECORD_SIZE'
  // A reference to a map, function or variable is not resolved.
  | 'ERR_UNRESOLVED'

/** Code of a `BpfError`: an errno's name (`'EPERM'`), or one of the library's own (`'ERR_CLOSED'`). */
export type BpfErrorCode = ErrnoCode | LibraryErrorCode
