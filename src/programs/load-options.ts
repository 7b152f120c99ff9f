/**
 * How to load a program.
 *
 * @module
 */

import type { BpfError } from '../base/errors.ts'
import type { TokenOptions } from '../kernel/tokens/handle.ts'
import type { LoadedBtf } from './ext-info.ts'
import type { MapResolver } from './passes/maps.ts'

/** The member of a struct of operations of the kernel that a `struct_ops` program stands for. Since Linux 5.6. */
export interface StructOpsMember {
  /** The struct, in the BTF of the kernel or of a module. */
  readonly typeId: number
  /** Which of its members, from 0. */
  readonly index: number
  /** Descriptor of the module's BTF (Linux 6.9); `undefined` for the kernel itself. */
  readonly moduleFd: number | undefined
}

/**
 * A signature of instructions, which the kernel verifies before anything else. It is of the bytes that the kernel gets,
 * the descriptors of maps among them: a program that uses no map, or only by the index of `boundMaps`, can be signed ahead.
 */
export interface ProgramSignature {
  /** PKCS #7, in DER. */
  readonly pkcs7: Uint8Array
  /** Where the key is: in a keyring of the kernel, or in one of the user, by its serial. Default: `'builtin'`. */
  readonly keyring?: 'builtin' | 'secondary' | 'platform' | number
}

/** How to load a program. */
export interface LoadOptions extends TokenOptions {
  /**
   * What the verifier logs of a successful load, as bits: 1 branches, 2 instructions, 4 statistics (Linux 5.2).
   * A refused load is always logged: at this level, else at level 1, else, when the program is too complex or that log
   * would exceed 16 MiB, its verdict alone. Default: 0.
   */
  logLevel?: number
  /** Bytes of the first log buffer; it grows as needed, up to 256 MiB. Default: 64 KiB. */
  logSize?: number
  /** Finds maps that the instructions name. */
  maps?: MapResolver
  /**
   * Maps that the kernel keeps for as long as the program, whether it uses them or not; at most 64, those that it uses
   * among them. `Program.bindMap` adds one to a loaded program. Since Linux 6.14.
   */
  boundMaps?: readonly { readonly fd: number }[]
  /** Signature of the instructions as they are loaded. Since Linux 6.18, with `CONFIG_SYSTEM_DATA_VERIFICATION`. */
  signature?: ProgramSignature
  /** The program's BTF as it was loaded into the kernel; gives it function and line information. Since Linux 5.0. */
  btf?: LoadedBtf
  /**
   * Why the kernel does not have the program's BTF: part of the error when it refuses the program.
   *
   * @internal
   */
  btfRefusal?: BpfError
  /**
   * BTF descriptors of modules by the `offset` of calls of their functions; the first is 0. Since Linux 5.16.
   *
   * @internal
   */
  fdArray?: Int32Array
  /**
   * What a `struct_ops` program stands for.
   *
   * @internal
   */
  structOps?: StructOpsMember
}
