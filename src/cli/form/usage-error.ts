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
