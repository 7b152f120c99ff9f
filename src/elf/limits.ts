/**
 * Limits for object files that are not trusted: without them a short file could ask for more memory or time than there
 * is.
 *
 * @module
 */

/** Limits of reading an object. What honest objects need is far below the defaults. */
export interface ObjectLimits {
  /**
   * How many times the bytes of the file may be used, by sections, functions and strings that share them. Default: 8.
   */
  maxOverlap?: number
  /**
   * Bytes of the name of a section, symbol or type; the kernel takes 511. Default: 1,024; none for an `ElfFile`, since
   * programs of user space have longer ones.
   */
  maxNameLength?: number
  /** Bytes of variables in sections that have none in the file, such as `.bss`. Default: 268,435,456 (256 MiB). */
  maxZeroBytes?: number
  /** Bytes of `.kconfig`: the values of all options. Default: 1,048,576. */
  maxKconfigBytes?: number
  /** Elements that maps of maps from before BTF begin with, in all. Default: 65,536. */
  maxInnerMaps?: number
}

/** Default of `maxNameLength` for objects. */
export const MAX_NAME_LENGTH = 1024

/**
 * The limits that were given, and those of an `ElfFile` for the others.
 *
 * @throws RangeError when one is negative or not a number
 */
export function completeLimits(given: ObjectLimits = {}): Required<ObjectLimits> {
  const { maxOverlap = 8, maxNameLength = Number.POSITIVE_INFINITY } = given
  const { maxZeroBytes = 1 << 28, maxKconfigBytes = 1 << 20, maxInnerMaps = 1 << 16 } = given
  const limits = { maxOverlap, maxNameLength, maxZeroBytes, maxKconfigBytes, maxInnerMaps }
  for (const [name, limit] of Object.entries(limits)) {
    if (!(limit >= 0))
      throw new RangeError(`Cannot read an object: ${name} ${limit} is negative or not a number`)
  }
  return limits
}
