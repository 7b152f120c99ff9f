/**
 * The command line was used wrongly.
 *
 * @module
 */

/** Wrong use of the command line: exit code 2. */
export class UsageError extends Error {
  static {
    UsageError.prototype.name = 'UsageError'
  }
}

/**
 * What to throw where an argument of the library is a word of the user: the library's `TypeError` or `RangeError` about
 * it is wrong use; any other error stays.
 */
export function asUsageError(error: unknown): unknown {
  const isWrongArgument = error instanceof TypeError || error instanceof RangeError
  return isWrongArgument ? new UsageError(error.message) : error
}
