/**
 * Attaching a program by the name of its section.
 *
 * Source: libbpf `bpf_program__attach` and the attach functions of its `section_defs`.
 *
 * @module
 */

import type { BpfErrorCode } from '../base/error-codes.ts'
import { BpfError } from '../base/errors.ts'
import type { Program } from '../programs/program.ts'
import { parseSectionName } from '../programs/sections.ts'
import type { AttachPlaces, PlaceName, SectionAttachment } from './hooks/definition.ts'
import { hooks } from './hooks/registry.ts'

/** The result: a link, or why the name alone is not enough. */
export type Attached = SectionAttachment | { readonly reason: BpfError; readonly needs?: PlaceName }

/** What places are, in words. */
const places: Readonly<Record<PlaceName, string>> = {
  device: 'a network device',
  cgroup: 'a cgroup',
  perfEvent: 'an event, and how often it runs the program',
}

/**
 * Attaches a program to the hook and target of its section name.
 *
 * @param given places for programs whose hook needs one
 * @returns `reason` for a hook that needs more than a name, or one that this version cannot attach to
 * @throws BpfError when attaching fails; with code `ERR_INVALID_SPEC` when the hook takes no such target
 */
export function attachBySection(program: Program, given: AttachPlaces = {}): Attached {
  const sectionName = program.spec?.sectionName
  if (sectionName === undefined) return { reason: cannot(program, 'it has no section name') }
  const { definition, target: named } = parseSectionName(sectionName)
  if (definition === undefined) {
    return { reason: cannot(program, `the section name ${JSON.stringify(sectionName)} names no hook`) }
  }
  const { attachesTo, call, bySection } = hooks[definition.hook]
  switch (bySection.kind) {
    case 'not_implemented': {
      const reason = `this version has no function that attaches to ${attachesTo}`
      return { reason: cannot(program, reason, 'ERR_NOT_IMPLEMENTED') }
    }
    case 'call':
      return { reason: cannot(program, bySection.reason + (call === undefined ? '' : `: call ${call}`)) }
  }
  const missing = bySection.needs.find(each => given[each] === undefined)
  if (missing !== undefined) {
    const reason = `it needs ${places[missing]}: give attach() the option ${missing}, or call ${call}`
    return { reason: cannot(program, reason), needs: missing }
  }
  // The spec's target wins: the caller may have changed it since the object was parsed.
  const target = program.spec?.attachTarget ?? named
  if (target === '' && definition.takesTarget) {
    return { reason: cannot(program, `the section name ${JSON.stringify(sectionName)} names no target`) }
  }
  try {
    return bySection.attach(program, target, given)
  } catch (error) {
    // What is a wrong argument by hand comes from the object here.
    if (!(error instanceof TypeError || error instanceof RangeError)) throw error
    throw cannot(program, error.message, 'ERR_INVALID_SPEC', error)
  }
}

function cannot(
  program: Program,
  reason: string,
  code: BpfErrorCode = 'ERR_NO_TARGET',
  cause?: Error,
): BpfError {
  const message = `Cannot attach program ${program.name} by its section name: ${reason}`
  return new BpfError(message, cause === undefined ? { code } : { code, cause })
}
