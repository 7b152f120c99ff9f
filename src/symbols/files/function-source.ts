/**
 * What knows the functions of one file.
 *
 * @module
 */

/** A function that an address lies in. */
export interface FunctionAt {
  /** As the file has it; C++ and Rust names are mangled. */
  readonly name: string
  /** Address of the function, as the file counts addresses. */
  readonly start: number
}

/** Functions by address: a table of symbols, the table of a Go program, stubs of the linker. */
export interface FunctionSource {
  /** Bytes of memory that it takes, with the names that it keeps. */
  readonly memory: number
  /** The function that an address lies in; `undefined` when none does. */
  find(address: number): FunctionAt | undefined
}
