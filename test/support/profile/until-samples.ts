/**
 * Profiles that do not depend on how fast a machine is.
 *
 * @module
 */

import type { StackCount } from '../../../src/charts/stacks/stack.ts'
import type { ProfileOptions, ProfileProgress } from '../../../src/profile/options.ts'
import { profile } from '../../../src/profile/profile.ts'
import type { Profile } from '../../../src/profile/profile-result.ts'

/** The names of a stack's frames, outermost caller first. */
export function namesOf({ frames }: StackCount): string[] {
  return frames.map(frame => (typeof frame === 'string' ? frame : frame.name))
}

/** Profiles until there are so many samples, however slow the machine is. */
export function untilSamples(least: number, options: ProfileOptions): Promise<Profile> {
  const enough = new AbortController()
  const onProgress = ({ samples }: ProfileProgress): void => {
    if (samples >= least) enough.abort()
  }
  return profile({ ...options, duration: 60, signal: enough.signal, onProgress })
}
