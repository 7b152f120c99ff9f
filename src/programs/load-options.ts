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
