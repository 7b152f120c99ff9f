/**
 * The error of a feature that the running kernel lacks.
 *
 * @module
 */

import { release } from 'node:os'
import { NotSupportedError, type NotSupportedOptions } from '../base/errors.ts'
import { isAtLeast } from './version.ts'

/**
 * Makes the error. "Needs Linux 5.18" would be false of a kernel of a later release that was built without the feature:
 * then the message says so, and `since` is `undefined`.
 *
 * @param feature what is missing, in words
 * @param since first release that has it; `undefined` when it does not depend on the version
 */
export function lacking(
  feature: string,
  since: string | undefined,
  options: NotSupportedOptions = {},
): NotSupportedError {
  if (since === undefined || !isAtLeast(since)) return new NotSupportedError(feature, since, options)
  const reason = `Linux has it since ${since}, but not in the configuration or on the architecture of this kernel (${release()})`
  return new NotSupportedError(feature, undefined, { ...options, reason })
}
