/**
 * What is compared: what an object holds, and the result of loading each of its programs alone.
 *
 * @module
 */

/** A map as the object describes it; numbers as in `union bpf_attr`. */
export interface MapFacts {
  /** Maps of data sections by the name of the section. */
  readonly map: string
  readonly type: number
  readonly key: number
  readonly value: number
  readonly entries: number
  readonly flags: number
  readonly extra: number
}

/** A program as the object describes it. */
export interface ProgramFacts {
  readonly program: string
  /** Without `?`. */
  readonly section: string
  readonly type: number
  readonly attach: number
  /** 8-byte slots, without functions that it calls. */
  readonly instructions: number
  readonly autoload: boolean
}

/** What came of loading a program alone. */
export interface LoadFacts {
  readonly load: string
  /** 0 when it was loaded; else an errno of the twin's, and just 1 of ours. */
  readonly error: number
  /** Instructions that the verifier went through; -1 when it did not count. */
  readonly processed: number
  /** The kernel's hash of the instructions; `''` when it was not loaded. */
  readonly tag: string
  /** Why it was not loaded. */
  readonly message: string
}

/** Everything about one object. */
export interface ObjectFacts {
  readonly object: string
  /** 0 when it could be read. */
  readonly error: number
  readonly message: string
  readonly maps: readonly MapFacts[]
  readonly programs: readonly ProgramFacts[]
  readonly loads: readonly LoadFacts[]
}
