/**
 * Whether the running kernel has a hook.
 *
 * @module
 */

import { suggestion } from '../base/nearest.ts'
import { haveProgramType } from '../kernel/probes/have-program-type.ts'
import type { ProbeAnswer } from '../kernel/probes/probe.ts'
import type { TokenOptions } from '../kernel/tokens/handle.ts'
import { isAtLeast } from '../kernel/version.ts'
import { type Hook, sectionDefinitions } from '../programs/sections.ts'
import { hooks } from './hooks/registry.ts'

/**
 * Whether the running kernel has a hook. An experiment answers where there is one, else the types of the hook's
 * programs with the kernel's version; a certain answer is kept, for each token.
 *
 * @returns `'unknown'` when this process may not find out, or nothing says it for certain
 * @throws RangeError for a hook that is not in the table
 */
export function haveHook(hook: Hook, options: TokenOptions = {}): ProbeAnswer {
  if (!Object.hasOwn(hooks, hook)) {
    throw new RangeError(
      `Unknown hook ${JSON.stringify(hook)}${suggestion(String(hook), Object.keys(hooks))}`,
    )
  }
  const { feature, since, config } = hooks[hook]
  const loadable = haveProgramTypes(hook, options)
  if (loadable === 'no') return 'no'
  if (feature !== undefined) return feature.probe(options.token)
  // A version does not say what the kernel was built with; and an older one may have the hook from its distribution.
  const says = config === undefined && isAtLeast(since)
  return says ? loadable : 'unknown'
}

/** Whether the kernel has a type of the hook's programs. */
function haveProgramTypes(hook: Hook, options: TokenOptions): ProbeAnswer {
  const types = new Set(sectionDefinitions.filter(each => each.hook === hook).map(({ type }) => type))
  const answers = [...types].map(type => haveProgramType(type, options))
  if (answers.includes('yes')) return 'yes'
  return answers.includes('unknown') ? 'unknown' : 'no'
}
