/**
 * Frames of stacks: what is known of an address.
 *
 * @module
 */

import { basename } from 'node:path'

/** A place in a file, as the kernel gives it instead of an address (`BPF_F_STACK_BUILD_ID`, `BPF_F_USER_BUILD_ID`). */
export interface BuildIdOffset {
  /** Build id of the file in hexadecimal digits; the kernel fills shorter ones with zeros up to 20 bytes. */
  readonly buildId: string
  /** Bytes from the start of the file. */
  readonly offset: bigint
}

/** A place in code: an address, or a place in a file. */
export type CodeLocation = bigint | BuildIdOffset

/** What is known of a place in code. */
export interface StackFrame {
  /** The address; of a place in a file, its offset there. */
  readonly address: bigint
  /** Function; `undefined` when no name is known. */
  readonly name: string | undefined
  /** Bytes from the start of the function; 0 without one. */
  readonly offset: number
  /**
   * Where the function is: path of a program or library; `'[vdso]'`; `'[jit]'` for code that was compiled at run time; a
   * module of the kernel, `'vmlinux'` for the kernel itself, `'bpf'` for BPF programs. `undefined` when not even that is
   * known.
   */
  readonly module: string | undefined
}

/**
 * A frame in one word, as flame graphs show it: the function, else the file in brackets, else `'[unknown]'`. Names are as
 * programs have them: `printable` of `ebpf-ts/base` makes them safe for a terminal.
 */
export function frameLabel({ name, module }: StackFrame): string {
  if (name !== undefined) return name
  if (module === undefined) return '[unknown]'
  return module.startsWith('[') ? module : `[${basename(module)}]`
}
