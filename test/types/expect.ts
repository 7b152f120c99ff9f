/**
 * Exact types, for tests of what the compiler infers.
 *
 * @module
 */

/** Whether two types are the same, `any` and `unknown` told apart. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/**
 * Compiles when a value has exactly this type: `is<number>()(value)`. Otherwise an argument is missing, whose type shows
 * both.
 */
export declare function is<Expected>(): <Actual>(
  value: Actual,
  ...wrong: Same<Expected, Actual> extends true ? [] : [{ expected: Expected; actual: Actual }]
) => void
