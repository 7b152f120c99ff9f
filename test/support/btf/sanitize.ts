/**
 * What kernels know of BTF.
 *
 * @module
 */

import type { BtfSupport } from '../../../src/btf/sanitize.ts'

/** A kernel that knows all of it. */
export const everything: BtfSupport = {
  datasec: true,
  questionMark: true,
  func: true,
  globalFunc: true,
  float: true,
  declTag: true,
  typeTag: true,
  enum64: true,
}
